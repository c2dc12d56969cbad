/** Sessions that are made when they are first needed. @module */
import { RankineError } from "../../core/errors.js"
import type { OnnxSession } from "../../onnx/session.js"

export interface OnDemand extends AsyncDisposable {
  /** The session; made once, and again where making it has failed. Throws `argument` after it was disposed of. */
  get(): Promise<OnnxSession>
}

export function onDemand(make: () => Promise<OnnxSession>): OnDemand {
  let made: Promise<OnnxSession> | undefined
  let disposed = false
  return {
    async get() {
      if (disposed) throw new RankineError("argument", "the model was disposed of: load it again")
      made ??= make().catch((thrown) => {
        made = undefined
        throw thrown
      })
      return made
    },
    async [Symbol.asyncDispose]() {
      disposed = true
      const session = await made?.catch(() => undefined)
      await session?.[Symbol.asyncDispose]()
    },
  }
}
