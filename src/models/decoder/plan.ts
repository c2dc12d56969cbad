/** In which runs tokens are read: what ONNX Runtime's attention takes in one, and no more than memory and padding allow. @module */

/** One run: some tokens of neighbouring rows, or rows that go on side by side from the one row of a cache. */
export interface Run {
  /** The rows of the cache that it reads and writes. */
  readonly from: number
  readonly to: number
  readonly parts: readonly Part[]
  /** The parts lie one after the other in one row, none of them sees another. */
  readonly sideBySide?: boolean
}

/** Tokens `start` to `end` of what a row is to read, after `before` tokens that its cache holds. */
export interface Part {
  readonly row: number
  readonly start: number
  readonly end: number
  readonly before: number
}

/**
 * Most tokens of one run, padding included. The scores of a run's tokens with all before them are in memory at once, and products
 * of more rows are no faster.
 */
export const TOKENS_PER_RUN = 512

/**
 * Plans the reading of rows of `counts` tokens after `before` tokens each. GroupQueryAttention takes rows that begin, padded on the right;
 * or rows that go on by one token each; or a single row that goes on by several.
 */
export function planRuns(counts: readonly number[], before: readonly number[]): Run[] {
  if (counts.every((count) => count === 1)) {
    const parts = counts.map((_, row): Part => ({ row, start: 0, end: 1, before: before[row]! }))
    return grouped(parts)
  }
  const runs: Run[] = []
  let beginning: Part[] = []
  const flush = () => {
    runs.push(...grouped(beginning))
    beginning = []
  }
  for (const [row, count] of counts.entries()) {
    const whole: Part = { row, start: 0, end: count, before: before[row]! }
    if (whole.before === 0 && count <= TOKENS_PER_RUN) {
      beginning.push(whole)
      continue
    }
    flush()
    for (let start = 0; start < count; start += TOKENS_PER_RUN) {
      const end = Math.min(count, start + TOKENS_PER_RUN)
      runs.push({ from: row, to: row + 1, parts: [{ row, start, end, before: whole.before + start }] })
    }
  }
  flush()
  return runs
}

/**
 * Most tokens of a run of suffixes: more make products no faster, and every token is compared with those of the other suffixes too, for
 * nothing.
 */
const SUFFIX_TOKENS = 256

/**
 * Plans the reading of any number of rows after the one row of a cache, side by side as far as `room` tokens go, those before them
 * included; 0 where each must be read for itself.
 */
export function planSuffixes(counts: readonly number[], before: number, room: number): Run[] {
  const limit = Math.min(SUFFIX_TOKENS, room - before)
  const runs: Run[] = []
  let parts: Part[] = []
  let tokens = 0
  const flush = () => {
    if (parts.length > 0) runs.push({ from: 0, to: 1, parts, ...(parts.length > 1 ? { sideBySide: true } : {}) })
    ;[parts, tokens] = [[], 0]
  }
  for (const [row, count] of counts.entries()) {
    if (tokens + count > limit) flush()
    if (count > limit) {
      for (const run of planRuns([count], [before]))
        runs.push({ ...run, parts: run.parts.map((part) => ({ ...part, row })) })
      continue
    }
    parts.push({ row, start: 0, end: count, before })
    tokens += count
  }
  flush()
  return runs
}

/** Tokens that a run takes in the cache. */
export function roomOf({ parts, sideBySide }: Run): number {
  const counts = parts.map(({ start, end }) => end - start)
  if (sideBySide) return parts[0]!.before + counts.reduce((sum, count) => sum + count, 0)
  return Math.max(...parts.map(({ before }, at) => before + counts[at]!))
}

/** Neighbouring rows together, as long as padding fills at most a quarter of a run. */
function grouped(parts: readonly Part[]): Run[] {
  const groups: Part[][] = []
  let [longest, tokens] = [0, 0]
  for (const part of parts) {
    const count = part.end - part.start
    const group = groups.at(-1)
    const room = group ? Math.max(longest, count) * (group.length + 1) : 0
    if (group && room <= TOKENS_PER_RUN && room * 0.75 <= tokens + count) {
      group.push(part)
      longest = Math.max(longest, count)
      tokens += count
    } else {
      groups.push([part])
      ;[longest, tokens] = [count, count]
    }
  }
  return groups.map((group) => ({ from: group[0]!.row, to: group.at(-1)!.row + 1, parts: group }))
}
