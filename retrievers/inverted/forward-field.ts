/** Terms of one field in order of documents, as they arrive. @module */
import type { Arena } from "./kernel.js"
import { asideKey, type FieldPostings, TF_ASIDE } from "./segment.js"
import { grow, TermTable } from "./term-table.js"

/** (term, frequency) pairs, one behind the other. Those who know where terms come from fill it, and call `close` after each document. */
export class ForwardField {
  readonly terms = new TermTable()
  pairTerms = new Uint32Array(4096)
  pairFrequencies = new Uint8Array(4096)
  /** Frequencies of TF_ASIDE and more, by the place of their pair. */
  readonly aside = new Map<number, number>()
  pairCount = 0
  /** Where each document's pairs begin. */
  starts = new Uint32Array(1024)
  lengths = new Uint32Array(1024)

  /** Makes room for so many more pairs. */
  reserve(pairs: number): void {
    if (this.pairCount + pairs <= this.pairTerms.length) return
    this.pairTerms = grow(this.pairTerms, this.pairCount + pairs)
    this.pairFrequencies = grow(this.pairFrequencies, this.pairCount + pairs)
  }

  /** Ends a document of so many terms, repetitions counted. */
  close(document: number, length: number): void {
    if (document + 2 > this.starts.length) {
      this.starts = grow(this.starts, document + 2)
      this.lengths = grow(this.lengths, document + 2)
    }
    this.lengths[document] = length
    this.starts[document + 1] = this.pairCount
  }

  /** The postings in order of terms, by one counting sort; `order` holds the arrival number of each document. */
  invert(order: Uint32Array, arena: Arena): FieldPostings {
    const terms = this.terms.size
    const starts = new Uint32Array(terms + 1)
    const { pairTerms, pairFrequencies, pairCount } = this
    for (let i = 0; i < pairCount; i++) starts[pairTerms[i]! + 1]!++
    for (let term = 0; term < terms; term++) starts[term + 1]! += starts[term]!
    const address = arena.allocate(pairCount * 4)
    const postings = arena.u32.subarray(address / 4, address / 4 + pairCount)
    const next = starts.slice(0, terms)
    const lengths = new Uint32Array(order.length)
    const aside = new Map<number, number>()
    for (let document = 0; document < order.length; document++) {
      const from = order[document]!
      lengths[document] = this.lengths[from]!
      const end = this.starts[from + 1]!
      for (let pair = this.starts[from]!; pair < end; pair++) {
        const term = pairTerms[pair]!
        const tf = pairFrequencies[pair]!
        if (tf === TF_ASIDE) aside.set(asideKey(term, document), this.aside.get(pair)!)
        postings[next[term]!++] = (document << 8) | tf
      }
    }
    return { terms: this.terms, starts, address, lengths, aside }
  }
}
