// The inner loops of searches in inverted indexes, compiled to WebAssembly by AssemblyScript (scripts/build.mjs).
//
// All addresses are byte offsets into the segment's memory. A posting is one word: document << 8 | term frequency;
// its impact (the score it adds) is a float32 at the same position of a second array. Sums are made in float64 and
// rounded to float32 once, as Lucene does, so that equal scores here are equal scores there.
//
// A clause is one query term in one field:
//   +0 postings  +4 count  +8 impacts  +12 row (0: none)  +16 places  +20 cursor (scratch)  +24 f64 weight  +32 f64 bound
//   +40 f64 unit: what one unit of the row stands for, rounded up
// A row holds, for each block of 16 documents, the largest impact in it as ceil(255 * impact / largest impact of the term).
// `places` has eight bytes for each group of four blocks: where the group's postings begin, then for each block how many of them lie before it.

export { exhaustive, exhaustiveMany } from "./kernel-exhaustive.as"
export { pruned } from "./kernel-pruned.as"
