import { type Asking, sideBySide } from "./asking.js"

export interface SortSettings<Question, Answer> {
  /** Children of a node of the heap; places by which a window of the bubble sort moves. One question compares one document more. */
  readonly children: number
  /** How many of the best are to be found. */
  readonly top: number
  /**
   * Finds the best of two documents or more: its place among them, 0 where nothing can be said. Undefined where a budget ended before
   * anything was asked, which ends the sort.
   */
  readonly best: (contenders: readonly number[]) => Asking<Question, Answer, number | undefined>
}

/**
 * Heapsort with `children` children to a node, which stops once the `top` best are out of the heap: each is put into `settled`.
 *
 * A node is compared with all of its children at once. If a child is the best, the two change places, and the child's own children are looked
 * at next. Heaps that are not part of each other are built side by side: as many questions as one after the other, in fewer rounds.
 *
 * Source: Zhuang et al., "A setwise approach for effective and highly efficient zero-shot ranking with large language models", SIGIR 2024.
 */
export function* heapsort<Question, Answer>(
  count: number,
  settled: number[],
  { children, top, best }: SortSettings<Question, Answer>,
): Asking<Question, Answer, void> {
  const heap = Array.from({ length: count }, (_, position) => position)
  const firstChild = (node: number) => children * node + 1

  /** Moves a document down to where no child of it is better. False where a budget ended. */
  function* sift(from: number, size: number): Asking<Question, Answer, boolean> {
    let node = from
    while (firstChild(node) < size) {
      const first = firstChild(node)
      const last = Math.min(first + children, size)
      const places = [node, ...Array.from({ length: last - first }, (_, child) => first + child)]
      const winner = yield* best(places.map((place) => heap[place]!))
      if (winner === undefined) return false
      const place = places[winner]!
      if (place === node) return true
      ;[heap[node], heap[place]] = [heap[place]!, heap[node]!]
      node = place
    }
    return true
  }

  function* build(node: number): Asking<Question, Answer, boolean> {
    const below: Asking<Question, Answer, boolean>[] = []
    for (let child = firstChild(node); child < firstChild(node + 1) && firstChild(child) < count; child++)
      below.push(build(child))
    const built = yield* sideBySide(below)
    return built.every((whole) => whole) && (yield* sift(node, count))
  }

  if (!(yield* build(0))) return
  for (let size = count - 1; size >= 0 && settled.length < top; size--) {
    settled.push(heap[0]!)
    heap[0] = heap[size]!
    if (settled.length < top && !(yield* sift(0, size))) return
  }
}
