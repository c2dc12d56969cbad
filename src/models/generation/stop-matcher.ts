/** Finds stop texts in an answer that comes in pieces. @module */

export interface StopStep {
  /** Text that is certain: no stop text can begin in it. */
  readonly text: string
  /** The stop text that was found; nothing after it is given. */
  readonly stop?: string
}

/**
 * Holds back the end of a text for as long as a stop text may begin there. Of several stop texts the one that is complete first counts; of
 * those complete at the same character, the longest.
 */
export class StopMatcher {
  #held = ""

  constructor(private readonly stops: readonly string[]) {}

  push(piece: string): StopStep {
    if (this.stops.length === 0) return { text: piece }
    const text = this.#held + piece
    let found: { readonly end: number; readonly stop: string } | undefined
    for (const stop of this.stops) {
      const at = text.indexOf(stop)
      if (at === -1) continue
      const end = at + stop.length
      if (!found || end < found.end || (end === found.end && stop.length > found.stop.length)) found = { end, stop }
    }
    if (found) {
      this.#held = ""
      return { text: text.slice(0, found.end - found.stop.length), stop: found.stop }
    }
    const held = Math.max(...this.stops.map((stop) => overlap(text, stop)))
    this.#held = text.slice(text.length - held)
    return { text: text.slice(0, text.length - held) }
  }

  /** What was held back, at the end of the answer. */
  flush(): string {
    const held = this.#held
    this.#held = ""
    return held
  }
}

/** How much of the text's end a stop text begins with. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--)
    if (text.endsWith(stop.slice(0, length))) return length
  return 0
}
