import { describe, expect, it } from "vitest"
import { FilterCache } from "../../src/core/index.js"

describe("FilterCache", () => {
  it("computes once per filter and generation, whether an expression or a function", () => {
    const cache = new FilterCache<number>()
    let computed = 0
    const get = (filter: Parameters<typeof cache.get>[0], generation: number) =>
      cache.get(filter, generation, () => ++computed)
    const fits = () => true
    expect([get({ year: 1 }, 1), get({ year: 1 }, 1), get({ year: 2 }, 1), get(fits, 1), get(fits, 1)]).toEqual([
      1, 1, 2, 3, 3,
    ])
    expect([get({ year: 1 }, 2), get(fits, 2)]).toEqual([4, 5])
  })

  it("forgets the oldest expressions", () => {
    const cache = new FilterCache<number>()
    for (let year = 0; year <= 64; year++) cache.get({ year }, 1, () => year)
    expect(cache.get({ year: 64 }, 1, () => -1)).toBe(64)
    expect(cache.get({ year: 0 }, 1, () => -1)).toBe(-1)
  })
})
