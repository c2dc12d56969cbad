/** Keeps special tokens in foreign text from becoming special. @module */

/** Tokens that are not marked special and still steer a model. */
const STEERING =
  /^<\/?(?:think|tool_call|tool_response|tools|function|answer)>$|^<[|｜].*[|｜]>$|^\[\/?[A-Z_]{2,}\]$|^<(?:start|end)_of_[a-z]+>$/

/** What models that are not at hand may read as special: turn and role marks of the common families. */
const COMMON =
  /<\|[^|<>\s]{1,40}\|>|<\/?s>|<(?:start_of_turn|end_of_turn|bos|eos|pad|unk)>|\[\/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<<\/?SYS>>|<\/?think>|<｜[^｜<>]{1,40}｜>/gi

/** The texts of a tokenizer's tokens that foreign text must not contain. */
export function reservedTexts(added: readonly { readonly content: string; readonly special: boolean }[]): string[] {
  return added
    .filter(({ content, special }) => content !== "" && (special || STEERING.test(content)))
    .map(({ content }) => content)
}

/**
 * Puts a mark after the first character of every reserved text, overlapping ones too, so that none is left.
 * @param mark a text that does not occur in the input
 */
export function breakReserved(
  text: string,
  reserved: readonly string[],
  mark: string,
): { text: string; count: number } {
  const cuts = new Set<number>()
  for (const each of reserved)
    for (let at = text.indexOf(each); at !== -1; at = text.indexOf(each, at + 1)) cuts.add(at + firstLength(each))
  return { text: insert(text, cuts, mark), count: cuts.size }
}

/**
 * Foreign text for a model whose special tokens are not known: a space after the first character of what looks like one.
 * @param keepThoughts leave the marks of thoughts in an earlier answer: templates look for them, to leave the thoughts out
 */
export function escapeSpecial(text: string, keepThoughts = false): { text: string; count: number } {
  let count = 0
  let escaped = text
  // Breaking one may leave another that overlapped with it.
  for (let found = -1; found !== 0; count += found) {
    found = 0
    escaped = escaped.replace(COMMON, (match) => {
      if (keepThoughts && /^<\/?think>$/i.test(match)) return match
      found++
      return `${match[0]} ${match.slice(1)}`
    })
  }
  return { text: escaped, count }
}

function firstLength(text: string): number {
  return text.codePointAt(0)! > 0xffff ? 2 : 1
}

function insert(text: string, cuts: ReadonlySet<number>, mark: string): string {
  if (cuts.size === 0) return text
  let result = ""
  let from = 0
  for (const cut of [...cuts].sort((left, right) => left - right)) {
    result += text.slice(from, cut) + mark
    from = cut
  }
  return result + text.slice(from)
}

/** A character that stands in none of the texts: one of those that Unicode keeps free of meaning. */
export function unusedMark(texts: readonly string[]): string {
  for (let code = 0xfdd0; code <= 0xfdef; code++) {
    const mark = String.fromCharCode(code)
    if (!texts.some((text) => text.includes(mark))) return mark
  }
  // Whoever sends all of them gets a longer one: doubled until no text has it.
  let mark = "\ufdd0\ufdd1"
  while (texts.some((text) => text.includes(mark))) mark += "\ufdd1"
  return mark
}
