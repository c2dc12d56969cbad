import { describe, expect, it } from "vitest"
import { relativeBucket } from "../../../src/models/encoder/relative-positions.js"

describe("relativeBucket", () => {
  it("has a bucket for each near distance, on either side", () => {
    for (let away = 0; away < 8; away++) expect(relativeBucket(-away, 32)).toBe(away)
    for (let away = 1; away < 8; away++) expect(relativeBucket(away, 32)).toBe(16 + away)
  })

  it("doubles the distance every two buckets beyond, and shares the last", () => {
    // 8 · 16^(n / 8) for n = 0, 1, 2, ...: where the n-th bucket after the near ones begins.
    const begins = [8, 12, 16, 23, 32, 46, 64, 91]
    for (const [index, away] of begins.entries()) {
      expect(relativeBucket(-away, 32), `${away}`).toBe(8 + index)
      expect(relativeBucket(-(away - 1), 32), `${away - 1}`).toBe(7 + index)
    }
    expect(relativeBucket(-128, 32)).toBe(15)
    expect(relativeBucket(5000, 32)).toBe(31)
  })
})
