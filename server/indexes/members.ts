/** The retrievers of one state of an index, kept open while somebody searches in them. @module */
import { join } from "node:path"
import { type Document, RankineError, type Retriever, type RunOptions } from "../../src/core/index.js"
import { buildPipeline, type PartSpec, type PipelineContext } from "../../src/pipelines/index.js"
import { partDefinition } from "../../src/pipelines/registry.js"

/** What every retriever that can be kept in an index does. */
interface Living extends Retriever, Partial<AsyncDisposable> {
  readonly size: number
  add(documents: Iterable<Document>, options: { readonly replace: true } & Run): Promise<number>
  delete(ids: Iterable<string>): Promise<number>
  save(directory: string): Promise<void>
}

type Run = Pick<RunOptions, "signal">

interface Member {
  /** With all options in full. */
  readonly spec: PartSpec
  readonly retriever: Living
}

/** Part of a retriever's form, as JSON, and where it is saved: `{ dense: { model, index: "2-dense" } }`. */
export type Places = readonly { readonly spec: PartSpec; readonly place: PartSpec; readonly folder: string }[]

export class Members {
  readonly retriever: Retriever
  readonly #parts: readonly Member[]
  #users = 0
  #retired = false

  private constructor(retriever: Retriever, parts: readonly Member[]) {
    this.retriever = retriever
    this.#parts = parts
  }

  /** Builds the retrievers of a form over documents, of which there must be one at least. */
  static build(form: PartSpec, documents: Iterable<Document>, run: Run = {}): Promise<Members> {
    return Members.#make(form, { documents: () => documents, ...run })
  }

  /** Loads what `save` wrote into a folder. */
  static async load(form: PartSpec, places: Places, directory: string): Promise<Members> {
    // What was given in full when the index was built is known again by the folder that it lies in.
    const specs = new Map(places.map(({ spec, folder }) => [folder, spec]))
    return Members.#make(placed(form, places), { indexDirectory: directory }, (spec) => {
      const [, options] = nameAndOptions(spec)
      return specs.get((options as { index: string }).index)!
    })
  }

  static async #make(
    form: PartSpec,
    context: PipelineContext,
    specOf: (spec: PartSpec) => PartSpec = (spec) => spec,
  ): Promise<Members> {
    const parts: Member[] = []
    const retriever = await buildPipeline({ retriever: form }, context, (spec, made) => {
      const [name, options] = nameAndOptions(spec)
      if ("save" in made && "add" in made && "delete" in made)
        parts.push({ spec: specOf(spec), retriever: made as unknown as Living })
      else if (!Object.hasOwn(options as object, "retrievers"))
        throw new RankineError(
          "configuration",
          `${name} cannot be kept in an index that changes: use bm25, dense, sparse, late-interaction or fuse`,
        )
    })
    return new Members(retriever, parts)
  }

  /** Living documents. */
  get size(): number {
    return this.#parts[0]!.retriever.size
  }

  /**
   * Adds documents to all retrievers.
   *
   * @throws what a retriever throws; `torn` is called before that where others have the documents already
   */
  async add(documents: readonly Document[], torn: () => void, run: Run = {}): Promise<void> {
    // What asks a model fails more often than what counts words, and nothing has been changed yet when the first of them fails.
    for (const [index, { retriever }] of [...this.#parts].reverse().entries())
      try {
        await retriever.add(documents, { replace: true, ...run })
      } catch (thrown) {
        if (index > 0) torn()
        throw thrown
      }
  }

  /** Returns how many documents were there. */
  async delete(ids: readonly string[]): Promise<number> {
    let deleted = 0
    for (const { retriever } of this.#parts) deleted = Math.max(deleted, await retriever.delete(ids))
    return deleted
  }

  /** Writes the retrievers into folders of a directory. Each is replaced in one step; all of them together are not. */
  async save(directory: string): Promise<Places> {
    const places: { spec: PartSpec; place: PartSpec; folder: string }[] = []
    for (const [index, { spec, retriever }] of this.#parts.entries()) {
      const [name, options] = nameAndOptions(spec)
      const folder = `${index + 1}-${name}`
      await retriever.save(join(directory, folder))
      places.push({ spec, place: { [name]: partDefinition("retriever", name)!.saved!(options, folder) }, folder })
    }
    return places
  }

  /** Keeps the retrievers open until the work is done. */
  async use<Result>(work: (retriever: Retriever) => Promise<Result>): Promise<Result> {
    const release = this.hold()
    try {
      return await work(this.retriever)
    } finally {
      release()
    }
  }

  /** Keeps the retrievers open until the function that is returned is called. */
  hold(): () => void {
    this.#users++
    let released = false
    return () => {
      if (released) return
      released = true
      this.#users--
      if (this.#retired && this.#users === 0) void this.#dispose()
    }
  }

  /** No one will begin to use them any more. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    if (this.#users === 0) void this.#dispose()
  }

  async #dispose(): Promise<void> {
    await Promise.allSettled(this.#parts.map(({ retriever }) => retriever[Symbol.asyncDispose]?.()))
  }
}

/** The form with every retriever that is saved replaced by the place that it is loaded from. */
function placed(form: PartSpec, places: Places): PartSpec {
  const known = places.find(({ spec }) => JSON.stringify(spec) === JSON.stringify(form))
  if (known) return known.place
  const [name, options] = nameAndOptions(form)
  const { retrievers, ...rest } = options as { retrievers?: readonly PartSpec[] }
  return retrievers ? { [name]: { ...rest, retrievers: retrievers.map((one) => placed(one, places)) } } : form
}

function nameAndOptions(spec: PartSpec): [name: string, options: unknown] {
  return typeof spec === "string" ? [spec, {}] : Object.entries(spec)[0]!
}
