import type { Asking } from "./asking.js"
import type { SortSettings } from "./heapsort.js"

/**
 * Bubble sort with windows of `children + 1` documents: from the tail to the head the best of a window moves to its first place, which is
 * the last one of the next window. Each of `top` passes settles one document. With one child it is the sliding of neighbours.
 *
 * Windows at the tail in which nothing can have changed since their best was found are skipped: a pass begins with the window where the pass
 * before first changed something, or with the one below it where that change put another document at its head.
 *
 * Source: Zhuang et al., "A setwise approach", SIGIR 2024; Qin et al., "Large language models are effective text rankers with pairwise
 * ranking prompting", NAACL 2024.
 */
export function* bubbleSort<Question, Answer>(
  count: number,
  settled: number[],
  { children: step, top, best }: SortSettings<Question, Answer>,
): Asking<Question, Answer, void> {
  const order = Array.from({ length: count }, (_, position) => position)
  // The first place of the lowest window that may have changed. In all windows below it, the first document is the best.
  let lowest = count - 1 - step
  for (let pass = 0; pass < Math.min(top, count); pass++) {
    // The head of a window below is settled now: its others have not been compared with each other.
    while (lowest + step < pass && lowest + step < count - 1) lowest += step
    let changed = false
    for (let start = lowest; ; start -= step) {
      const first = Math.max(start, pass)
      const end = Math.min(start + step + 1, count)
      if (end - first > 1) {
        const winner = yield* best(order.slice(first, end))
        if (winner === undefined) return
        if (winner > 0) {
          ;[order[first], order[first + winner]] = [order[first + winner]!, order[first]!]
          if (!changed && first + winner === end - 1 && end < count) lowest += step
          changed = true
        }
      }
      if (first === pass) break
      if (!changed) lowest -= step
    }
    settled.push(order[pass]!)
  }
}
