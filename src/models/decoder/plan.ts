/** In which runs tokens are read: what ONNX Runtime's attention takes in one, and no more than memory and padding allow. @module */

/** One run: some tokens of neighbouring rows. */
export interface Run {
  /** The rows of the cache that it reads and writes. */
  readonly from: number
  readonly to: number
  readonly parts: readonly Part[]
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

/** Plans the reading of any number of rows after the one row of a cache, each for itself. */
export function planSuffixes(counts: readonly number[], before: number): Run[] {
  return counts.flatMap((count, row) =>
    planRuns([count], [before]).map((run) => ({ ...run, parts: run.parts.map((part) => ({ ...part, row })) })),
  )
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
