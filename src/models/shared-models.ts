/** Models that are loaded once and used by everything in the process that asks for the same. @module */
import { toRankineError } from "../core/errors.js"

/** What is kept: some models hold native memory, some none. */
type Loaded = object | AsyncDisposable

const models = new Map<string, Promise<Loaded>>()

/**
 * The model of this kind, name and settings; loaded by `load` the first time. A load that fails is not remembered.
 * The settings must be plain data.
 */
export function sharedModel<Model extends Loaded>(
  kind: string,
  name: string,
  settings: object,
  load: () => Promise<Model>,
): Promise<Model> {
  const key = JSON.stringify([kind, name, settings])
  let model = models.get(key) as Promise<Model> | undefined
  if (!model) {
    model = load()
    models.set(key, model)
    model.catch(() => models.delete(key))
  }
  return model
}

/** Gives the memory of all shared models back. What still uses one of them fails; the next to ask loads anew. */
export async function disposeModels(): Promise<void> {
  const all = [...models.values()]
  models.clear()
  const outcomes = await Promise.allSettled(
    all.map(async (loading) => {
      const model = await loading.catch(() => undefined)
      if (model && Symbol.asyncDispose in model) await model[Symbol.asyncDispose]()
    }),
  )
  for (const outcome of outcomes) if (outcome.status === "rejected") throw toRankineError(outcome.reason)
}
