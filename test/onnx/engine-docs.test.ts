/** docs/engine.md: its blocks run, and its lists of operators are those of the tables. */
import { readFileSync } from "node:fs"
import ts from "typescript"
import { afterEach, describe, expect, it, vi } from "vitest"
import * as models from "../../src/models/index.js"
import { expansionOf } from "../../src/onnx/gradients/expand/table.js"
import { gradientRules } from "../../src/onnx/gradients/table.js"
import * as onnx from "../../src/onnx/index.js"
import { type Node, visitNodes } from "../../src/onnx/ir.js"
import { prepare } from "./gradients/check.js"
import { fusedCases } from "./gradients/fused-cases.js"
import { runtime } from "./helpers.js"

const text = readFileSync(new URL("../../docs/engine.md", import.meta.url), "utf8")
const blocks = [...text.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!)
const modules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "rankine/onnx": onnx,
  "rankine/models": models,
}

/** Runs a block with its imports from the sources, and gives what it prints. */
async function run(block: string): Promise<unknown[][]> {
  const body = block.replace(/^import \{(.*?)\} from "(.*?)"$/gms, (_, names: string, from: string) => {
    for (const name of names.split(",").map((each) => each.trim()))
      if (name !== "") expect(modules[from], `${name} of ${from}`).toHaveProperty(name)
    return `const {${names}} = modules["${from}"]`
  })
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext }
  const { outputText } = ts.transpileModule(body, { compilerOptions: options })
  const printed = vi.spyOn(console, "log").mockImplementation(() => {})
  const Program = Object.getPrototypeOf(run).constructor as new (
    ...given: string[]
  ) => (given: unknown) => Promise<void>
  await new Program("modules", outputText.replace(/^export \{\};?$/m, ""))(modules)
  return [...printed.mock.calls]
}

const listed = (mark: string) =>
  [...new RegExp(`<!-- ${mark} -->(.*?)<!-- /${mark} -->`, "s").exec(text)![1]!.matchAll(/`(\w+)`/g)].map(
    ([, op]) => op!,
  )

describe.skipIf(!runtime)("the blocks of docs/engine.md", () => {
  afterEach(() => vi.restoreAllMocks())

  it("print what they say", async () => {
    expect(blocks.length).toBe(4)
    const printed: unknown[][][] = []
    for (const block of blocks) {
      printed.push(await run(block))
      vi.restoreAllMocks()
    }
    const [scores, passes, slopes, adapters] = printed
    const [dims, data] = scores![0] as [number[], Float32Array]
    expect([dims, [...data]]).toEqual([[1, 1], [expect.closeTo(1 / (1 + Math.exp(3)), 6)]])
    expect(passes).toEqual([[["largest"]]])
    const [loss, slope] = slopes![0] as [number, Float32Array]
    expect([loss, [...slope]]).toEqual([5, [-3, 1]])
    const [layers, size, count] = adapters![0] as [number, number, number]
    expect(layers).toBe(4)
    expect(count).toBe(2 * layers)
    expect(size).toBeGreaterThan(0)
  })
})

describe("the lists of docs/engine.md", () => {
  it("name every operator with a gradient rule", () => {
    const rules = Object.keys(gradientRules).filter((op) => op !== "LogProbabilities")
    expect(listed("rules")).toEqual(rules.sort())
  })

  it("name the fused operators that are written out", () => {
    const node = (op: string, domain: string): Node => ({
      name: op,
      op,
      domain,
      inputs: [],
      outputs: [],
      attributes: {},
    })
    for (const op of listed("fused"))
      expect(expansionOf(node(op, op === "RMSNormalization" ? "" : "com.microsoft")), op).toBeDefined()
    const tested = new Set<string>()
    for (const each of Object.values(fusedCases))
      visitNodes(prepare(each).source, (found) => expansionOf(found) && tested.add(found.op))
    expect([...tested].filter((op) => !listed("fused").includes(op))).toEqual([])
  })
})
