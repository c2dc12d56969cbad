/** The sorts as textbooks have them: recursive, on one array, one comparison after the other. They share nothing with what is tested. */

/** The place of the best among documents, the first of which is the parent or the head of a window. */
export type BestOf = (documents: readonly number[]) => number

/** d-ary heapsort of the best k; gives the order of all documents, the rest as they came in. */
export function classicHeapsort(n: number, d: number, k: number, bestOf: BestOf, onBuilt = () => {}): number[] {
  const a = range(n)
  const heapify = (size: number, i: number): void => {
    const inds = [i]
    for (let c = d * i + 1; c <= d * (i + 1); c++) if (c < size) inds.push(c)
    if (inds.length === 1) return
    const largest = inds[bestOf(inds.map((at) => a[at]!))]!
    if (largest === i) return
    const kept = a[i]!
    a[i] = a[largest]!
    a[largest] = kept
    heapify(size, largest)
  }
  for (let i = Math.floor(n / d); i >= 0; i--) heapify(n, i)
  onBuilt()
  let taken = 0
  for (let end = n - 1; end > 0; end--) {
    const root = a[0]!
    a[0] = a[end]!
    a[end] = root
    taken++
    if (taken === k) break
    heapify(end, 0)
  }
  return withRest(a.reverse().slice(0, k), n)
}

/** Bubble sort with windows of d + 1 from the tail, without any shortcut. */
export function classicBubbleSort(n: number, d: number, k: number, bestOf: BestOf): number[] {
  const a = range(n)
  for (let pass = 0; pass < Math.min(k, n); pass++) {
    let end = n
    for (;;) {
      const start = Math.max(end - d - 1, pass)
      if (end - start > 1) {
        const at = start + bestOf(a.slice(start, end))
        const kept = a[start]!
        a[start] = a[at]!
        a[at] = kept
      }
      if (start === pass) break
      end -= d
    }
  }
  return withRest(a.slice(0, k), n)
}

/** Binary heapsort by comparisons of two, each of which is asked once; `>` of a child and what is largest so far. */
export function classicBinaryHeapsort(
  n: number,
  k: number,
  greater: (left: number, right: number) => boolean,
  onBuilt = () => {},
): number[] {
  const bestOf: BestOf = (documents) => {
    let largest = 0
    if (documents.length > 1 && greater(documents[1]!, documents[0]!)) largest = 1
    if (documents.length > 2 && greater(documents[2]!, documents[largest]!)) largest = 2
    return largest
  }
  return classicHeapsort(n, 2, k, bestOf, onBuilt)
}

/** Sliding of neighbours as PRP does it: `last` is the lower one of the lowest pair that may have changed. */
export function classicSliding(n: number, k: number, wins: (lower: number, upper: number) => boolean): number[] {
  const a = range(n)
  let last = n - 1
  for (let i = 0; i < Math.min(k, n); i++) {
    let changed = false
    for (let at = last; at > i; at--) {
      if (wins(a[at]!, a[at - 1]!)) {
        const kept = a[at]!
        a[at] = a[at - 1]!
        a[at - 1] = kept
        if (!changed && last !== n - 1) last++
        changed = true
      }
      if (!changed) last--
    }
  }
  return withRest(a.slice(0, k), n)
}

export function range(n: number): number[] {
  return [...Array(n).keys()]
}

function withRest(top: readonly number[], n: number): number[] {
  return [...top, ...range(n).filter((each) => !top.includes(each))]
}
