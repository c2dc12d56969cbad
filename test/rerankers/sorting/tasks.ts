import { emptyRanking, type Hit, type Ranking, type RerankTask } from "../../../src/core/index.js"

export function taskOf(
  count: number,
  text: (position: number) => string = (position) => `text ${position}`,
): RerankTask {
  return { query: { id: "q", text: "query" }, hits: hitsOf(count, text) }
}

export function rankingOf(count: number, text?: (position: number) => string, id = "q"): Ranking {
  return { ...emptyRanking({ id, text: "what is this about?" }, "bm25"), hits: hitsOf(count, text) }
}

function hitsOf(count: number, text: (position: number) => string = (position) => `text ${position}`): Hit[] {
  return Array.from({ length: count }, (_, position) => ({
    id: `d${position}`,
    score: count - position,
    document: { id: `d${position}`, text: text(position) },
  }))
}

/** All positions, those of the order first. */
export function whole(order: readonly number[], count: number): number[] {
  return [...order, ...Array.from({ length: count }, (_, position) => position).filter((each) => !order.includes(each))]
}

/** Answers of no use, of every type that a careless oracle could give. */
export const hostileValues: readonly unknown[] = [
  undefined,
  null,
  -1,
  0,
  1,
  2,
  99,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0,
  "1",
  "length",
  true,
  [1],
  {},
  { best: 1 },
  1n,
  Symbol.iterator,
]
