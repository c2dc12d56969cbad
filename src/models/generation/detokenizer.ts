/** Text from tokens as they come, without broken characters. @module */

/** Tokens before the new ones that are decoded with them: joints, such as the space that a decoder takes from the first word, come out right. */
const CONTEXT = 6

/** A character may be spread over so many tokens; after more, bytes that are no text are given as the replacement character. */
const LONGEST = 8

/**
 * Decodes token by token. What is given so far plus what follows is always what decoding all at once gives; a piece ends only where a
 * character does.
 */
export class Detokenizer {
  readonly #ids: number[]
  /** Decoded so far: the window [begin, read) is text that was given; [read, end) waits. */
  #begin = 0
  #read: number

  /** @param prompt the tokens before the answer, whose end decides whether its first word begins with a space */
  constructor(
    private readonly decode: (ids: readonly number[]) => string,
    prompt: readonly number[] = [],
  ) {
    this.#ids = prompt.slice(-CONTEXT)
    this.#read = this.#ids.length
  }

  push(id: number): string {
    this.#ids.push(id)
    return this.#take(this.#ids.length - this.#read >= LONGEST)
  }

  /** What still waits, at the end of the answer: an unfinished character becomes the replacement character. */
  flush(): string {
    return this.#take(true)
  }

  #take(whatever: boolean): string {
    if (this.#read === this.#ids.length) return ""
    const before = this.decode(this.#ids.slice(this.#begin, this.#read))
    const all = this.decode(this.#ids.slice(this.#begin))
    if (!whatever && (all.endsWith("\ufffd") || !all.startsWith(before))) return ""
    this.#read = this.#ids.length
    this.#begin = Math.max(0, this.#read - CONTEXT)
    return all.startsWith(before) ? all.slice(before.length) : all.slice(commonLength(all, before))
  }
}

function commonLength(left: string, right: string): number {
  let length = 0
  while (length < left.length && left[length] === right[length]) length++
  return length
}
