import { type Transferable, Worker } from "node:worker_threads"
import { RankineError } from "../core/errors.js"
import { unloadable } from "./runtime.js"
import { workerSource } from "./worker-source.js"

interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: { readonly message: string; readonly unloadable: boolean }
  readonly dropped?: true
}

interface Pending {
  resolve(value: unknown): void
  reject(error: RankineError): void
}

/** A question to the worker; what becomes of it can be dropped as long as it has not begun. */
export interface Call<Value> {
  readonly reply: Promise<Value>
  drop(): void
}

/**
 * One worker thread and the questions that are on their way to it. The thread starts with the first question, keeps the
 * process alive only while an answer is due, and is replaced with the next question after it has ended by itself.
 */
export class WorkerThread {
  readonly #runtime: string
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #nextId = 0
  /** Sessions that the running thread holds or is loading. A new thread holds none. */
  readonly sessions = new Map<number, Promise<void>>()

  constructor(runtime: string) {
    this.#runtime = runtime
  }

  /** How many answers are due. */
  get load(): number {
    return this.#pending.size
  }

  /**
   * Asks the worker. Rejects with `model` when it fails or ends (with `workerEnded` in the details when it ended by itself), with `dependency` when it cannot load onnxruntime-node,
   * and with `aborted` when the question was dropped before it began.
   */
  call<Value>(message: { kind: string; [key: string]: unknown }, transfer: readonly Transferable[] = []): Call<Value> {
    const worker = (this.#worker ??= this.#start())
    const id = this.#nextId++
    const reply = new Promise<Value>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
    })
    worker.ref()
    try {
      worker.postMessage({ ...message, id }, transfer)
    } catch (cause) {
      this.#settle(id)?.reject(
        new RankineError("internal", `a message to the model's worker was refused: ${cause}`, { cause }),
      )
    }
    return { reply, drop: () => worker.postMessage({ kind: "drop", id }) }
  }

  /** Ends the thread; questions on their way are rejected. */
  async end(): Promise<void> {
    const worker = this.#worker
    this.#lose(new RankineError("model", "the worker that runs the model was closed"))
    await worker?.terminate()
  }

  #start(): Worker {
    // No command-line options of the process: a loader or an input type meant for the program would change how this text is read.
    const worker = new Worker(workerSource, {
      eval: true,
      execArgv: [],
      name: "rankine-onnx",
      workerData: { runtime: this.#runtime },
    })
    let reason: unknown
    worker.on("message", (reply: Reply) => this.#answer(reply))
    worker.on("error", (thrown) => (reason = thrown))
    worker.on("exit", (code) => {
      if (this.#worker !== worker) return
      const why = reason instanceof Error ? reason.message : `exit code ${code}`
      this.#lose(
        new RankineError(
          "model",
          `the worker that runs the model ended (${why}). The next run starts a new one; if it ends again, run smaller batches`,
          { cause: reason, details: { workerEnded: true } },
        ),
      )
    })
    return worker
  }

  #answer({ id, value, error, dropped }: Reply): void {
    const pending = this.#settle(id)
    if (!pending) return
    if (dropped) pending.reject(new RankineError("aborted", "stopped by the caller"))
    else if (error?.unloadable) pending.reject(unloadable(error.message))
    else if (error) pending.reject(new RankineError("model", error.message))
    else pending.resolve(value)
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#worker?.unref()
    return pending
  }

  #lose(error: RankineError): void {
    this.#worker = undefined
    this.sessions.clear()
    const lost = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of lost) reject(error)
  }
}
