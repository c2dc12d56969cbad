import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { type FusionSpec, fuseHits } from "../../../retrievers/fusion/index.js"

interface Golden {
  readonly cases: readonly {
    readonly lists: readonly (readonly [string, number])[][]
    readonly expected: readonly { readonly spec: FusionSpec; readonly scores: Readonly<Record<string, number>> }[]
  }[]
}

const golden = JSON.parse(readFileSync(new URL("golden/golden.json", import.meta.url), "utf8")) as Golden

describe("the same scores as ranx 0.3.21", () => {
  golden.cases.forEach(({ lists, expected }, number) => {
    const hits = lists.map((list) => list.map(([id, score]) => ({ id, score })))
    it.each(expected.map(({ spec, scores }) => [JSON.stringify(spec), spec, scores] as const))(
      `case ${number + 1}: %s`,
      (_, spec, scores) => {
        const fused = fuseHits(hits, spec)
        expect(fused.map((hit) => hit.id).toSorted()).toEqual(Object.keys(scores).toSorted())
        for (const hit of fused) expect(hit.score).toBeCloseTo(scores[hit.id]!, 12)
      },
    )
  })

  it("covers every method but those with a rule of our own, and every normalisation", () => {
    const specs = golden.cases.flatMap((one) => one.expected.map(({ spec }) => spec))
    expect([...new Set(specs.map((spec) => spec.method))].toSorted()).toEqual(
      "borda combanz combgmnz combmax combmed combmin combmnz combsum isr log-isr logn-isr rbc rrf wmnz wsum".split(
        " ",
      ),
    )
    expect(new Set(specs.map((spec) => spec.norm ?? "-"))).toEqual(
      new Set(["-", "min-max", "min-max-inverted", "max", "sum", "zmuv", "rank", "borda"]),
    )
  })
})
