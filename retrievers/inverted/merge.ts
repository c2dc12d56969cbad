/** Merges segments, leaving out what was deleted. @module */
import { compareIds } from "../../src/core/ranking.js"
import { DocumentRows } from "../storage/document-rows.js"
import { IdTable } from "../storage/id-table.js"
import { Arena } from "./kernel.js"
import { asideKey, type FieldPostings, MAX_SEGMENT_DOCUMENTS, Segment, TF_ASIDE } from "./segment.js"
import { TermTable } from "./term-table.js"

const NOWHERE = 0xffffffff
const MAX_MERGED_POSTINGS = 2 ** 28

/**
 * The segments that should follow from these. With `all`, as few as possible and none with deleted documents.
 * Otherwise each segment is kept at least twice as large as the one after it, so that there are at most log2(documents) of them and each document is
 * moved log2(documents) times in its life; a segment that is mostly deleted is written anew.
 */
export function mergeSegments(segments: readonly Segment[], all: boolean): Segment[] {
  let result: Segment[] = []
  for (const segment of segments) {
    if (segment.livingCount === 0) continue
    const rewrite = segment.deletedCount > (all ? 0 : segment.size / 2)
    result.push(rewrite ? mergeTwo(segment, undefined) : segment)
  }
  result = result.sort((left, right) => right.livingCount - left.livingCount)
  for (let i = result.length - 1; i > 0; i--) {
    const small = result[i]!
    const large = result[i - 1]!
    if (!fits(large, small) || (!all && large.livingCount >= 2 * small.livingCount)) continue
    result.splice(i - 1, 2, mergeTwo(large, small))
  }
  return result
}

function fits(left: Segment, right: Segment): boolean {
  return (
    left.livingCount + right.livingCount <= MAX_SEGMENT_DOCUMENTS &&
    left.postingCount + right.postingCount <= MAX_MERGED_POSTINGS
  )
}

interface Source {
  readonly segment: Segment
  /** The new number of each old document, or NOWHERE. */
  readonly renumber: Uint32Array
}

function mergeTwo(left: Segment, right: Segment | undefined): Segment {
  const sources: Source[] = [left, ...(right ? [right] : [])].map((segment) => ({
    segment,
    renumber: new Uint32Array(segment.size).fill(NOWHERE),
  }))
  const { ids, owners, positions } = mergeIds(sources)
  const arena = new Arena(sources.reduce((sum, { segment }) => sum + 4 * segment.postingCount, 16 * left.fields.length))
  const fields = left.fields.map((_, field) => mergeField(sources, field, ids.length, arena))
  const stored = sources.flatMap(({ segment }) => segment.documents ?? [])
  return new Segment({
    ids: IdTable.fromStrings(ids),
    fields,
    arena,
    documents: stored.length === sources.length ? DocumentRows.merged(stored, owners, positions) : undefined,
  })
}

/** Living ids in order, filling the sources' renumberings; `owners` and `positions` say which document of which source each was. */
function mergeIds(sources: readonly Source[]): { ids: string[]; owners: Uint32Array; positions: Uint32Array } {
  const total = sources.reduce((sum, { segment }) => sum + segment.livingCount, 0)
  const ids: string[] = new Array(total)
  const owners = new Uint32Array(total)
  const positions = new Uint32Array(total)
  const next = sources.map(() => 0)
  for (let number = 0; number < total; number++) {
    let chosen = -1
    let least = ""
    for (let index = 0; index < sources.length; index++) {
      const { segment } = sources[index]!
      while (next[index]! < segment.size && segment.isDeleted(next[index]!)) next[index]!++
      if (next[index]! >= segment.size) continue
      const id = segment.ids.get(next[index]!)
      if (chosen >= 0 && compareIds(id, least) >= 0) continue
      chosen = index
      least = id
    }
    const document = next[chosen]!++
    sources[chosen]!.renumber[document] = number
    owners[number] = chosen
    positions[number] = document
    ids[number] = least
  }
  return { ids, owners, positions }
}

function mergeField(sources: readonly Source[], field: number, size: number, arena: Arena): FieldPostings {
  const terms = new TermTable()
  const lengths = new Uint32Array(size)
  const aside = new Map<number, number>()
  const capacity = sources.reduce((sum, { segment }) => sum + last(segment.fields[field]!.starts), 0)
  const address = arena.allocate(4 * capacity)
  const target = arena.u32.subarray(address / 4, address / 4 + capacity)
  const starts: number[] = [0]
  let written = 0
  for (const { segment, renumber } of sources)
    segment.fields[field]!.lengths.forEach((length, document) => {
      if (renumber[document] !== NOWHERE) lengths[renumber[document]!] = length
    })

  const append = (text: string, runs: readonly { source: Source; term: number }[]) => {
    const begin = written
    const number = terms.size
    const cursors = runs.map(({ source, term }) => living(source, field, term)).filter((cursor) => cursor.advance())
    while (cursors.length > 0) {
      // Numbers rise within a run, so the smallest head is the next posting.
      let least = 0
      for (let i = 1; i < cursors.length; i++) if (cursors[i]!.document < cursors[least]!.document) least = i
      const cursor = cursors[least]!
      target[written++] = (cursor.document << 8) | Math.min(cursor.tf, TF_ASIDE)
      if (cursor.tf >= TF_ASIDE) aside.set(asideKey(number, cursor.document), cursor.tf)
      if (!cursor.advance()) cursors.splice(least, 1)
    }
    if (written === begin) return
    terms.add(text)
    starts.push(written)
  }

  const [first, second] = sources
  const firstTerms = first!.segment.fields[field]!.terms
  const secondTerms = second && second.segment.fields[field]!.terms
  for (let term = 0; term < firstTerms.size; term++) {
    const text = firstTerms.text(term)
    const other = secondTerms ? secondTerms.find(text) : -1
    append(
      text,
      other < 0
        ? [{ source: first!, term }]
        : [
            { source: first!, term },
            { source: second!, term: other },
          ],
    )
  }
  if (second && secondTerms)
    for (let term = 0; term < secondTerms.size; term++) {
      const text = secondTerms.text(term)
      if (firstTerms.find(text) < 0) append(text, [{ source: second, term }])
    }
  return { terms, starts: Uint32Array.from(starts), address, lengths, aside }
}

interface Cursor {
  document: number
  tf: number
  advance(): boolean
}

/** Walks a term's postings of living documents, renumbered. */
function living({ segment, renumber }: Source, field: number, term: number): Cursor {
  const postings = segment.postings(field, term)
  let i = -1
  return {
    document: NOWHERE,
    tf: 0,
    advance() {
      while (++i < postings.length) {
        const posting = postings[i]!
        const document = renumber[posting >>> 8]!
        if (document === NOWHERE) continue
        this.document = document
        this.tf = segment.frequency(field, term, posting)
        return true
      }
      return false
    },
  }
}

function last(starts: Uint32Array): number {
  return starts[starts.length - 1]!
}
