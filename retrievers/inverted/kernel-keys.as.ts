// What all searches share: the layout of clauses, and the keys of the k best.

export const CLAUSE: usize = 48

// ---- the k best, as 64-bit keys: float32 bits of the score above, inverted document below ----
// Among positive floats the order of the bits is the order of the numbers; of equal scores the smaller document is better.
// A few keys are kept in order. For a larger k they are gathered in a buffer with room for more than k; when it is full, the k best stay and the
// least of them is what others must beat: a key costs a store and its share of a selection, less than a heap, whose every change walks a path.

/** Up to this k, keys are kept in order. */
const FEW: u32 = 32

let keys: usize = 0
let capacity: u32 = 0
export let size: u32 = 0
let wanted: u32 = 0
export let floorKey: u64 = 0

@inline
export function keyOf(score: f32, doc: u32): u64 {
  return ((<u64>reinterpret<u32>(score)) << 32) | <u64>(~doc)
}

@inline
function keyAt(i: i32): u64 {
  return load<u64>(keys + (<usize>i << 3))
}

@inline
function setKey(i: i32, key: u64): void {
  store<u64>(keys + (<usize>i << 3), key)
}

export function begin(buffer: usize, room: u32, k: u32, floor: f32): void {
  keys = buffer
  capacity = room
  wanted = k
  size = 0
  // Below every key with the floor's score: equal scores still compete, by document.
  floorKey = (<u64>reinterpret<u32>(floor)) << 32
}

/** Puts a key in its place among the k best, best first; the least of k makes room. */
function insert(key: u64): void {
  let i = <i32>(size < wanted ? size++ : size - 1)
  for (; i > 0; i--) {
    const before = keyAt(i - 1)
    if (before > key) break
    setKey(i, before)
  }
  setKey(i, key)
  if (size == wanted) floorKey = max(floorKey, keyAt(<i32>size - 1))
}

/** Moves the k best to the front and raises the floor to the least of them (Hoare's selection). */
export function select(): void {
  if (wanted <= FEW || size < wanted) return
  const target = <i32>wanted - 1
  let low = 0
  let high = <i32>size - 1
  while (low < high) {
    const first = keyAt(low)
    const middle = keyAt((low + high) >> 1)
    const last = keyAt(high)
    const pivot = max(min(first, middle), min(max(first, middle), last))
    let i = low
    let j = high
    while (i <= j) {
      while (keyAt(i) > pivot) i++
      while (keyAt(j) < pivot) j--
      if (i <= j) {
        const swap = keyAt(i)
        setKey(i, keyAt(j))
        setKey(j, swap)
        i++
        j--
      }
    }
    if (target <= j) high = j
    else if (target >= i) low = i
    else break
  }
  let least = keyAt(0)
  for (let i = 1; i <= target; i++) least = min(least, keyAt(i))
  size = wanted
  if (least > floorKey) floorKey = least
}

/** Selects and sorts, best first; returns how many there are. */
export function finish(spare: usize, histogram: usize): u32 {
  select()
  if (wanted > FEW) radixSort(keys, spare, histogram, size, 0)
  return size
}

@inline
export function isMasked(mask: usize, doc: u32): bool {
  return mask != 0 && ((load<u8>(mask + (doc >> 3)) >> <u8>(doc & 7)) & 1) != 0
}

@inline
export function offer(score: f32, doc: u32, mask: usize): void {
  const key = keyOf(score, doc)
  if (key <= floorKey || isMasked(mask, doc)) return
  if (wanted <= FEW) insert(key)
  else {
    setKey(size++, key)
    if (size == capacity) select()
  }
}

/** The least sum that can still matter: compared as float64, a sum just below the floor may round up to it. */
@inline
export function leastSum(): f64 {
  return <f64>reinterpret<f32>(<u32>(floorKey >> 32)) * (1.0 - 1e-7)
}

/** Sorts keys descending by their bits from `shift` up; stable; the result is in `from`. */
export function radixSort(from: usize, spare: usize, histogram: usize, count: u32, shift: u64): void {
  const home = from
  let to = spare
  for (; shift < 64; shift += 8) {
    memory.fill(histogram, 0, 1024)
    for (let i: u32 = 0; i < count; i++) {
      const digit = histogram + (<usize>(<u32>(load<u64>(from + (<usize>i << 3)) >> shift) & 255) << 2)
      store<u32>(digit, load<u32>(digit) + 1)
    }
    // Upper bytes of documents and scores are often all alike: nothing to do.
    if (count == 0 || load<u32>(histogram + (<usize>(<u32>(load<u64>(from) >> shift) & 255) << 2)) == count) continue
    let start: u32 = 0
    for (let digit: i32 = 255; digit >= 0; digit--) {
      const at = histogram + (<usize>digit << 2)
      const n = load<u32>(at)
      store<u32>(at, start)
      start += n
    }
    for (let i: u32 = 0; i < count; i++) {
      const key = load<u64>(from + (<usize>i << 3))
      const digit = histogram + (<usize>(<u32>(key >> shift) & 255) << 2)
      const place = load<u32>(digit)
      store<u32>(digit, place + 1)
      store<u64>(to + (<usize>place << 3), key)
    }
    const swap = from
    from = to
    to = swap
  }
  if (from != home) memory.copy(home, from, <usize>count << 3)
}
