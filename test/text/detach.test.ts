import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { createAnalyzer, detach } from "../../src/text/index.js"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** How many bytes stay in use for what `make` gives 40 times. */
function kept(make: (index: number) => string): number {
  collect()
  const before = process.memoryUsage().heapUsed
  const terms: string[] = []
  for (let index = 0; index < 40; index++) terms.push(make(index))
  collect()
  const bytes = process.memoryUsage().heapUsed - before
  expect(new Set(terms).size).toBe(40)
  return bytes
}

const text = (index: number) => `${"filler ".repeat(50_000)}pneumonoultramicroscopic${index}`
const megabytes = 1_000_000

describe("detach", () => {
  it("lets go of the text that a term came from", () => {
    expect(kept((index) => text(index).slice(-25))).toBeGreaterThan(10 * megabytes)
    expect(kept((index) => detach(text(index).slice(-25)))).toBeLessThan(4 * megabytes)
  })

  it("is what analyzers do to their terms", () => {
    for (const name of ["english", "standard", "whitespace"]) {
      const analyzer = createAnalyzer(name)
      expect(kept((index) => analyzer.terms(text(index)).at(-1)!)).toBeLessThan(4 * megabytes)
    }
  })

  it("changes nothing", () => {
    for (const word of ["", "short", "pneumonoultramicroscopic", "𝐀𝐁𝐂𝐃𝐄𝐅𝐆", "\ud800 lone surrogate"])
      expect(detach(word)).toBe(word)
  })
})
