/** What Prometheus reads: requests, failures, queues, batches, durations, the process itself. @module */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client"
import type { Outcome } from "../http/mount.js"
import type { IndexStore } from "../indexes/index-store.js"
import type { OpenService } from "../service.js"

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export interface Metrics {
  readonly contentType: string
  observe(outcome: Outcome): void
  /** In Prometheus' text form. */
  text(): Promise<string>
}

/** Metrics of one server, in a registry of its own: an application that holds the router keeps its own. */
export function openMetrics(service: Pick<OpenService, "queues">, indexes?: Pick<IndexStore, "list">): Metrics {
  const registers = [new Registry()]
  const registry = registers[0]!
  // Event-loop delay, memory, garbage collection, handles.
  collectDefaultMetrics({ register: registry, prefix: "rankine_" })
  const requests = new Counter({
    name: "rankine_requests_total",
    help: "Requests that were answered, by route and status.",
    labelNames: ["dialect", "route", "status"],
    registers,
  })
  const failures = new Counter({
    name: "rankine_request_failures_total",
    help: "Requests that failed, by the code of the error.",
    labelNames: ["dialect", "code"],
    registers,
  })
  const durations = new Histogram({
    name: "rankine_request_duration_seconds",
    help: "Time from a request's arrival to its answer.",
    labelNames: ["dialect", "route"],
    buckets: SECONDS,
    registers,
  })
  const waits = new Histogram({
    name: "rankine_request_queue_duration_seconds",
    help: "Time that a request's rows waited for the model.",
    labelNames: ["dialect"],
    buckets: SECONDS,
    registers,
  })
  const inference = new Histogram({
    name: "rankine_request_inference_duration_seconds",
    help: "Time that a request's rows were in the model.",
    labelNames: ["dialect"],
    buckets: SECONDS,
    registers,
  })
  const tokens = new Counter({
    name: "rankine_request_tokens_total",
    help: "Tokens of answered requests.",
    labelNames: ["dialect"],
    registers,
  })
  const truncated = new Counter({
    name: "rankine_truncated_total",
    help: "Texts and pairs that were cut to what the model reads.",
    labelNames: ["dialect"],
    registers,
  })
  queueMetrics(service, registers)
  if (indexes) indexMetrics(indexes, registers)
  return {
    contentType: registry.contentType,
    observe(outcome) {
      const { dialect, route, status, seconds, timings } = outcome
      requests.inc({ dialect, route, status })
      durations.observe({ dialect, route }, seconds)
      if (outcome.code) failures.inc({ dialect, code: outcome.code })
      if (timings?.queue !== undefined) waits.observe({ dialect }, timings.queue)
      if (timings?.inference !== undefined) inference.observe({ dialect }, timings.inference)
      if (outcome.tokens) tokens.inc({ dialect }, outcome.tokens)
      if (outcome.truncated) truncated.inc({ dialect }, outcome.truncated)
    },
    text: () => registry.metrics(),
  }
}

function indexMetrics(indexes: Pick<IndexStore, "list">, registers: Registry[]): void {
  const facts = [
    ["rankine_index_documents", "Documents in an index.", "documents"],
    ["rankine_index_bytes", "Bytes of an index on disk.", "bytes"],
  ] as const
  for (const [name, help, key] of facts)
    new Gauge({
      name,
      help,
      labelNames: ["index"],
      registers,
      collect() {
        // One that was dropped is told no more.
        this.reset()
        for (const index of indexes.list()) if (index[key] !== undefined) this.set({ index: index.name }, index[key])
      },
    })
}

/** Read from the schedulers when Prometheus asks: they keep the sums anyway. */
function queueMetrics(service: Pick<OpenService, "queues">, registers: Registry[]): void {
  const sums = [
    ["rankine_queue_rows", "Rows that wait for a model.", "waitingRows"],
    ["rankine_queue_tokens", "Tokens of the rows that wait for a model.", "waitingTokens"],
    ["rankine_queue_clients", "Clients whose rows wait.", "waitingClients"],
    ["rankine_batches_running", "Batches in the model now.", "runningBatches"],
    ["rankine_batches", "Batches so far.", "batches"],
    ["rankine_batches_failed", "Batches that failed so far.", "failedBatches"],
    ["rankine_batches_retried", "Batches that ran again since their worker ended.", "retried"],
    ["rankine_batch_rows", "Rows of all batches so far: divided by the batches, the mean size of one.", "rows"],
    ["rankine_batch_tokens", "Tokens of all batches so far, without padding.", "tokens"],
    ["rankine_batch_padded_tokens", "Tokens of all batches so far, with padding.", "padded"],
    ["rankine_queue_dropped_rows", "Rows that were dropped since their client left or their time was over.", "dropped"],
    ["rankine_queue_refused", "Calls that were refused since the queue was full.", "refused"],
    ["rankine_queue_waited_seconds", "Waits of all rows so far.", "waited"],
  ] as const
  for (const [name, help, key] of sums)
    new Gauge({
      name,
      help,
      labelNames: ["model"],
      registers,
      collect() {
        for (const { model, stats } of service.queues()) this.set({ model }, stats[key])
      },
    })
}
