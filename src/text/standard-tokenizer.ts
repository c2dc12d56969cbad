/** Word segmentation as Lucene's StandardTokenizer does it. @module */
import type { Automaton } from "./unicode/automaton.js"
import { tokenAutomaton } from "./unicode/token-grammar.js"
import { wordBreakClasses } from "./unicode/word-break.js"

/** Longer tokens are cut into pieces of this many UTF-16 units. */
export const maxTokenLength = 255

// What an ASCII character does in a token. The two low bits of a mark say which kind it may stand between.
const LETTER = 1
const DIGIT = 2
const CONNECTOR = 3
const MARK = 4
const KEYCAP_BASE = 8

const ascii = new Uint8Array(128)
for (let code = 0; code < 128; code++)
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122)) ascii[code] = LETTER
  else if (code >= 48 && code <= 57) ascii[code] = DIGIT
ascii["_".charCodeAt(0)] = CONNECTOR
ascii[":".charCodeAt(0)] = MARK | LETTER
for (const mark of ",;") ascii[mark.charCodeAt(0)] = MARK | DIGIT
for (const mark of ".'") ascii[mark.charCodeAt(0)] = MARK | LETTER | DIGIT
for (const base of "#*") ascii[base.charCodeAt(0)] = KEYCAP_BASE

/**
 * Finds the tokens of a text: start and end in UTF-16 units, in `offsets`; the kinds of tokens are found only by `next`.
 * Runs of ASCII are scanned by hand; a token that touches anything else goes through the automaton from its start.
 * One departure from Lucene: where a text ends in half a surrogate pair, Lucene loses up to 255 units before it.
 */
export class StandardTokenizer {
  offsets = new Uint32Array(1024)
  /** End and kind (see `tokenKinds`) of the token that `next` found. */
  end = 0
  kind = 0
  #automaton: Automaton | undefined
  #classes: Uint8Array | undefined

  /** Writes start and end of each token into `offsets` and returns how many tokens there are. */
  segment(text: string): number {
    const length = text.length
    // Tokens found by the ASCII scan have at least one character between them; the others check for room themselves.
    if (this.offsets.length < length + 2) this.offsets = new Uint32Array(Math.max(length + 2, this.offsets.length * 2))
    let offsets = this.offsets
    let written = 0
    let at = 0
    while (at < length) {
      const start = at
      let code = text.charCodeAt(at)
      let kind = code < 128 ? ascii[code] : KEYCAP_BASE
      let needsAutomaton = false
      if (kind === 0 || (kind & MARK) !== 0) {
        at++
        continue
      }
      if (kind === KEYCAP_BASE) {
        if (code < 128 && (at + 1 === length || text.charCodeAt(at + 1) < 128)) {
          at++
          continue
        }
        needsAutomaton = true
      } else {
        // One unit past the longest token is enough to know that the automaton must cut it.
        const stop = Math.min(length, start + maxTokenLength + 1)
        let content = 0
        let last = 0
        // The last kind is what a mark may join; a connector joins with no mark.
        for (;;) {
          last = kind === CONNECTOR ? 0 : kind
          content |= last
          if (++at >= stop) break
          code = text.charCodeAt(at)
          if (code >= 128) {
            needsAutomaton = this.#continues(code)
            break
          }
          kind = ascii[code]
          if (kind !== 0 && kind < MARK) continue
          if ((kind & MARK) === 0 || (kind & last) === 0 || at + 1 === length) break
          code = text.charCodeAt(at + 1)
          if (code >= 128) {
            needsAutomaton = this.#continues(code)
            break
          }
          if (ascii[code] !== last) break
          kind = last
          at++
        }
        if (content === 0 && at - start > maxTokenLength) {
          // Nothing but connectors within reach: no token starts before a letter or digit comes into reach.
          while (at < length && ascii[text.charCodeAt(at)] === CONNECTOR) at++
          at = Math.max(start + 1, at - maxTokenLength + 1)
          continue
        }
        if (!needsAutomaton && at - start <= maxTokenLength) {
          if (content !== 0) {
            offsets[written++] = start
            offsets[written++] = at
          }
          continue
        }
      }
      if (!this.next(text, start)) {
        at = this.end
        continue
      }
      at = this.end
      if (written + length - at + 4 > offsets.length) {
        const larger = new Uint32Array(offsets.length * 2 + 4)
        larger.set(offsets)
        offsets = this.offsets = larger
      }
      offsets[written++] = start
      offsets[written++] = at
    }
    return written / 2
  }

  /**
   * Looks for the longest token that starts at `start`. Sets `end` and `kind` and returns true;
   * where no token starts it sets `end` behind the code point and returns false.
   */
  next(text: string, start: number): boolean {
    const { next, accepts, classes } = (this.#automaton ??= tokenAutomaton())
    const classOf = (this.#classes ??= wordBreakClasses())
    let limit = start + maxTokenLength
    // A pair that the window would split lies outside of it.
    if (limit >= text.length) limit = text.length
    else if (isHighSurrogate(text.charCodeAt(limit - 1))) limit--
    let state = 1
    let at = start
    let firstEnd = 0
    let end = 0
    let rule = 0
    while (at < limit) {
      let code = text.charCodeAt(at++)
      if (isHighSurrogate(code) && at < limit) {
        const low = text.charCodeAt(at)
        if ((low & 0xfc00) === 0xdc00) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
          at++
        }
      }
      if (firstEnd === 0) firstEnd = at
      state = next[state * classes + classOf[code]]
      if (state === 0) break
      if (accepts[state] !== 0) {
        rule = accepts[state]
        end = at
      }
    }
    this.kind = rule
    this.end = rule === 0 ? firstEnd : end
    return rule !== 0
  }

  /** Whether a unit behind an ASCII token can matter to it: anything but a character in no set. */
  #continues(code: number): boolean {
    return isHighSurrogate(code) || (this.#classes ??= wordBreakClasses())[code] !== 0
  }
}

function isHighSurrogate(code: number): boolean {
  return (code & 0xfc00) === 0xd800
}
