/** Worker threads shared by sessions, and the queue in front of them. @module */
import { RankineError, throwIfAborted } from "../core/errors.js"
import { type ChosenDevice, chooseDevice } from "./device.js"
import { findRuntime } from "./runtime.js"
import type { DeviceChoice } from "./settings.js"
import { type Call, WorkerThread } from "./worker-thread.js"

/** A model that can be brought into a worker at any time, again after the worker was lost. */
export interface Resident {
  readonly id: number
  /** It lives in the first so many workers of the pool. */
  readonly workers: number
  load(thread: WorkerThread): Promise<void>
}

interface Job {
  readonly resident: Resident
  begin(thread: WorkerThread): Call<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
  readonly signal: AbortSignal | undefined
  drop?: () => void
}

export interface PoolOptions {
  /** The path of the onnxruntime-node to load in the workers; found by itself when left out. */
  readonly runtime?: string
}

/**
 * Worker threads for models. All sessions of a pool that ask for one worker share the first: their runs take turns, each
 * with all cores, instead of fighting for them. Threads start when first needed and end with the last session.
 */
export class WorkerPool implements AsyncDisposable {
  readonly #threads: WorkerThread[] = []
  readonly #residents = new Set<Resident>()
  readonly #busy = new Map<WorkerThread, number>()
  readonly #begun = new Map<Job, Promise<void>>()
  readonly #devices = new Map<DeviceChoice, Promise<ChosenDevice>>()
  /** One listener per signal, however many runs it stops. */
  readonly #watched = new Map<AbortSignal, { jobs: Set<Job>; stop: () => void }>()
  #queue: Job[] = []
  #runtime: Promise<string> | undefined
  #nextId = 0

  constructor(options: PoolOptions = {}) {
    if (options.runtime !== undefined) this.#runtime = Promise.resolve(options.runtime)
  }

  /** Workers that are running or will be started again with their next run. */
  get workers(): number {
    return this.#threads.length
  }

  nextId(): number {
    return this.#nextId++
  }

  /** Resolves a choice of device, once per pool. Throws `dependency` for one that was named and does not work. */
  async device(choice: DeviceChoice): Promise<ChosenDevice> {
    const runtime = await this.#findRuntime()
    let chosen = this.#devices.get(choice)
    if (!chosen) {
      chosen = chooseDevice(this.#thread(0, runtime), choice, runtime)
      this.#devices.set(choice, chosen)
      // What failed once may be installed by the next time.
      chosen.catch(() => this.#devices.delete(choice))
    }
    return chosen
  }

  /** Brings a model into its workers. */
  async add(resident: Resident): Promise<void> {
    const runtime = await this.#findRuntime()
    this.#residents.add(resident)
    try {
      const indices = Array.from({ length: resident.workers }, (_, index) => index)
      await settleAll(indices.map((index) => this.#load(this.#thread(index, runtime), resident)))
    } catch (thrown) {
      await this.remove(resident)
      throw thrown
    }
  }

  /** Takes a model out of its workers, after the runs that have begun; those that have not are rejected. */
  async remove(resident: Resident): Promise<void> {
    if (!this.#residents.delete(resident)) return
    const closed = new RankineError("argument", "the session was disposed of before this run began")
    for (const job of this.#queue.filter((queued) => queued.resident === resident)) {
      this.#unwatch(job)
      job.reject(closed)
    }
    this.#queue = this.#queue.filter((job) => job.resident !== resident)
    await Promise.all([...this.#begun].map(([job, done]) => (job.resident === resident ? done : undefined)))
    const holders = this.#threads.filter((thread) => thread.sessions.delete(resident.id))
    // A worker that ends meanwhile has given everything back.
    await Promise.allSettled(holders.map((thread) => thread.call({ kind: "release", session: resident.id }).reply))
    // A thread with an answer due is at work for a session that is just being made.
    const idle = this.#residents.size === 0 ? this.#threads.filter((thread) => thread.load === 0) : []
    await Promise.all(idle.map((thread) => thread.end()))
  }

  /** Queues a run for the first worker that holds the model and is free. A run whose signal fires before it begins costs nothing. */
  submit<Value>(
    resident: Resident,
    begin: (thread: WorkerThread) => Call<Value>,
    signal?: AbortSignal,
  ): Promise<Value> {
    throwIfAborted(signal)
    if (!this.#residents.has(resident))
      throw new RankineError("argument", "the session was disposed of: create it again")
    return new Promise<Value>((resolve, reject) => {
      const job: Job = { resident, begin, resolve: resolve as (value: unknown) => void, reject, signal }
      if (signal) this.#watch(signal, job)
      this.#queue.push(job)
      this.#pump()
    })
  }

  /** Ends all workers; sessions of this pool can no longer run. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const resident of [...this.#residents]) await this.remove(resident)
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }

  #watch(signal: AbortSignal, job: Job): void {
    let watched = this.#watched.get(signal)
    if (!watched) {
      const jobs = new Set<Job>()
      const stop = () => {
        this.#watched.delete(signal)
        this.#queue = this.#queue.filter((queued) => !jobs.has(queued))
        for (const { drop, reject } of jobs) {
          drop?.()
          reject(new RankineError("aborted", "stopped by the caller", { cause: signal.reason }))
        }
      }
      watched = { jobs, stop }
      this.#watched.set(signal, watched)
      signal.addEventListener("abort", stop, { once: true })
    }
    watched.jobs.add(job)
  }

  /** A job that is over has nothing to hear from its signal. */
  #unwatch(job: Job): void {
    const { signal } = job
    const watched = signal && this.#watched.get(signal)
    if (!watched?.jobs.delete(job) || watched.jobs.size > 0) return
    signal!.removeEventListener("abort", watched.stop)
    this.#watched.delete(signal!)
  }

  #findRuntime(): Promise<string> {
    this.#runtime ??= findRuntime().catch((thrown) => {
      this.#runtime = undefined
      throw thrown
    })
    return this.#runtime
  }

  #thread(index: number, runtime: string): WorkerThread {
    while (this.#threads.length <= index) this.#threads.push(new WorkerThread(runtime))
    return this.#threads[index]!
  }

  async #load(thread: WorkerThread, resident: Resident): Promise<void> {
    let loading = thread.sessions.get(resident.id)
    if (!loading) {
      loading = resident.load(thread)
      thread.sessions.set(resident.id, loading)
      loading.catch(() => {
        if (thread.sessions.get(resident.id) === loading) thread.sessions.delete(resident.id)
      })
    }
    await loading
  }

  #pump(): void {
    // With one worker a second run waits in its mailbox, so that it begins while the main thread is still busy with other things.
    const depth = this.#threads.length === 1 ? 2 : 1
    for (let level = 1; level <= depth; level++)
      this.#threads.forEach((thread, index) => {
        while (this.#queue.length > 0 && (this.#busy.get(thread) ?? 0) < level) {
          const next = this.#queue.findIndex(({ resident }) => index < resident.workers)
          if (next < 0) break
          const job = this.#queue.splice(next, 1)[0]!
          this.#begun.set(job, this.#dispatch(job, thread))
        }
      })
  }

  async #dispatch(job: Job, thread: WorkerThread): Promise<void> {
    this.#busy.set(thread, (this.#busy.get(thread) ?? 0) + 1)
    let stopped = false
    job.drop = () => (stopped = true)
    try {
      await this.#load(thread, job.resident)
      if (stopped) return
      const { reply, drop } = job.begin(thread)
      job.drop = drop
      job.resolve(await reply)
    } catch (thrown) {
      job.reject(thrown)
    } finally {
      this.#unwatch(job)
      this.#begun.delete(job)
      this.#busy.set(thread, this.#busy.get(thread)! - 1)
      this.#pump()
    }
  }
}

let shared: WorkerPool | undefined

/** The pool of every session that names none. */
export function sharedPool(): WorkerPool {
  shared ??= new WorkerPool()
  return shared
}

/** Waits for all, then throws the first error: nothing goes on in the background after a failure. */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason
}
