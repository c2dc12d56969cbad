/** Rows of many callers that wait for one model, and which of them go next. @module */
import type { BatchLimits } from "./batching.js"

/** A row that waits. */
export interface WaitingRow<Call> {
  readonly call: Call
  /** Its place among the rows of its call. */
  readonly index: number
  /** Tokens. */
  readonly length: number
  /** When it came, in milliseconds of `performance.now()`. */
  readonly since: number
  /** False once it was taken or dropped. */
  waiting: boolean
}

/** A first-in first-out list whose members may be gone by the time it is read. */
interface Line<Call> {
  rows: WaitingRow<Call>[]
  head: number
  /** Members that still wait. */
  live: number
}

interface Client<Call> extends Line<Call> {
  readonly key: unknown
  /** Work done for it so far, in tokens, counted from what all others had when it came. */
  served: number
}

/** Rows up to this much shorter than the longest may always share its batch: a batch of their own would cost more than their padding. */
const SMALL_PADDING = 32

/**
 * Waiting rows by client and by length.
 *
 * Whose turn it is: the client for whom least was done (weighted fair queueing: Demers, Keshav, Shenker, 1989), so that a small request is not
 * behind a huge one. Who rides along: rows of nearly the same length, whoever asks, so that little is padded.
 */
export class RowQueue<Call> {
  readonly #clients = new Map<unknown, Client<Call>>()
  readonly #byLength: (Line<Call> | undefined)[] = []
  readonly #maxTokens: number
  readonly #maxRows: number
  /**
   * What each client would have had by now were all served at once, and the same before the last batch. A newcomer is taken to have had that
   * much: it goes before those who were just served, and cannot overtake them for ever.
   */
  #fair = 0
  #fairBefore = 0
  #rows = 0
  #tokens = 0

  constructor({ maxTokens, maxRows }: Required<BatchLimits>) {
    this.#maxTokens = maxTokens
    this.#maxRows = maxRows
  }

  get rows(): number {
    return this.#rows
  }

  /** Tokens of the rows that wait. */
  get tokens(): number {
    return this.#tokens
  }

  get clients(): number {
    return this.#clients.size
  }

  /** A client's rows are served in the order in which they are added. */
  add(key: unknown, rows: readonly WaitingRow<Call>[]): void {
    let client = this.#clients.get(key)
    if (!client) this.#clients.set(key, (client = { key, rows: [], head: 0, live: 0, served: this.#fairBefore }))
    for (const row of rows) {
      enter(client, row)
      enter((this.#byLength[row.length] ??= { rows: [], head: 0, live: 0 }), row)
      this.#rows++
      this.#tokens += row.length
    }
  }

  /** Takes out those of the rows that still wait, and says how many there were. All must be of the client `key`. */
  drop(key: unknown, rows: readonly WaitingRow<Call>[]): number {
    const client = this.#clients.get(key)
    let dropped = 0
    if (client)
      for (const row of rows) {
        if (!row.waiting) continue
        this.#leave(client, row)
        dropped++
      }
    return dropped
  }

  /** The next batch, longest row first, and empty only where nothing waits. */
  take(keyOf: (call: Call) => unknown): WaitingRow<Call>[] {
    let next: Client<Call> | undefined
    for (const client of this.#clients.values()) if (!next || client.served < next.served) next = client
    if (!next) return []
    const active = this.#clients.size
    const first = firstOf(next)!
    const batch: WaitingRow<Call>[] = []
    const charged = new Map<Client<Call>, number>()
    const join = (row: WaitingRow<Call>) => {
      const client = this.#clients.get(keyOf(row.call))!
      charged.set(client, (charged.get(client) ?? 0) + 1)
      this.#leave(client, row)
      batch.push(row)
    }
    join(first)
    let width = first.length
    const fits = (longest: number) => batch.length < this.#maxRows && (batch.length + 1) * longest <= this.#maxTokens
    let shortest = width
    for (let length = width; length >= 1 && near(length, width) && fits(width); length--)
      for (let row = firstOf(this.#byLength[length]); row && fits(width); row = firstOf(this.#byLength[length])) {
        join(row)
        shortest = length
      }
    for (let length = width + 1; length < this.#byLength.length && near(shortest, length) && fits(length); length++)
      for (let row = firstOf(this.#byLength[length]); row && fits(length); row = firstOf(this.#byLength[length])) {
        join(row)
        width = length
      }
    for (const [client, rows] of charged) client.served += rows * width
    this.#fairBefore = this.#fair
    this.#fair += (batch.length * width) / active
    return batch.sort((a, b) => b.length - a.length)
  }

  #leave(client: Client<Call>, row: WaitingRow<Call>): void {
    row.waiting = false
    this.#rows--
    this.#tokens -= row.length
    forget(this.#byLength[row.length]!)
    forget(client)
    if (client.live === 0) this.#clients.delete(client.key)
  }
}

function near(length: number, width: number): boolean {
  return 2 * length >= width || width - length <= SMALL_PADDING
}

function enter<Call>(line: Line<Call>, row: WaitingRow<Call>): void {
  line.rows.push(row)
  line.live++
}

/** Rows that are gone stay in a line until its head passes them; none stays once all are gone. */
function forget<Call>(line: Line<Call>): void {
  if (--line.live > 0) return
  line.rows = []
  line.head = 0
}

function firstOf<Call>(line: Line<Call> | undefined): WaitingRow<Call> | undefined {
  if (!line || line.live === 0) return undefined
  while (!line.rows[line.head]!.waiting) line.head++
  if (line.head > 1024 && 2 * line.head > line.rows.length) {
    line.rows.splice(0, line.head)
    line.head = 0
  }
  return line.rows[line.head]
}
