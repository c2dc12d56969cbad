/** Random collections in which ties, repeated words and empty documents are common. @module */
import { type Document, type Query, Random, type Ranking } from "../../../src/core/index.js"

/** Words w0, w1, … with the early ones far more frequent. */
export function word(random: Random, vocabulary: number): string {
  return `w${Math.floor(vocabulary * random.float() ** 3)}`
}

export function text(random: Random, vocabulary: number, longest: number): string {
  return Array.from({ length: random.integer(longest + 1) }, () => word(random, vocabulary)).join(" ")
}

export function document(random: Random, id: string, vocabulary = 60, longest = 12): Document {
  const title = random.integer(3) === 0 ? { title: text(random, vocabulary, 3) } : {}
  return { id, ...title, text: text(random, vocabulary, longest), metadata: { group: random.integer(4) } }
}

/** Documents with ids that are not in order. */
export function collection(size: number, seed: number, vocabulary = 60, longest = 12): Document[] {
  const random = new Random(seed, "collection")
  return random
    .shuffle(Array.from({ length: size }, (_, i) => `d${i}`))
    .map((id) => document(random, id, vocabulary, longest))
}

export function queryTexts(count: number, seed: number, vocabulary = 60): Query[] {
  const random = new Random(seed, "queries")
  return Array.from({ length: count }, (_, i) => ({
    id: `q${i}`,
    text: Array.from({ length: 1 + random.integer(7) }, () => word(random, vocabulary + 5)).join(" "),
  }))
}

/** What two rankings must agree on, as one text: ids and scores. */
export function outcome(rankings: readonly Ranking[]): string {
  return rankings
    .map(({ query, hits }) => `${query.id}: ${hits.map((hit) => `${hit.id} ${hit.score}`).join(", ")}`)
    .join("\n")
}
