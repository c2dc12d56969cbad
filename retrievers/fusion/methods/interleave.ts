import type { FusionMethod } from "../method.js"

/**
 * Round robin: the lists take turns, in their order, each giving its best document that no list has given yet.
 * The score is 1 / place, from the list that gave the document.
 */
export const interleave: FusionMethod = {
  name: "interleave",
  input: "ranks",
  weighted: false,
  parameters: [],
  normalised: false,
  scale: "ordinal",
  combine({ columns, count }) {
    const orders = columns.map(({ ranks, length }) => {
      const order = new Int32Array(length)
      ranks.forEach((rank, document) => {
        if (rank > 0) order[rank - 1] = document
      })
      return order
    })
    const scores = new Float64Array(count)
    const parts = columns.map(() => new Float64Array(count))
    const next = columns.map(() => 0)
    for (let place = 1; place <= count; )
      for (let list = 0; list < columns.length; list++) {
        const order = orders[list]!
        while (next[list]! < order.length && scores[order[next[list]!]!]! > 0) next[list]!++
        if (next[list] === order.length) continue
        const document = order[next[list]!]!
        scores[document] = parts[list]![document] = 1 / place++
      }
    return { scores, parts }
  },
}
