import { describe, expect, it } from "vitest"
import type { Oracle, PointwiseQuestion } from "../../../rerankers/program/index.js"
import { ProgramReranker } from "../../../rerankers/program/index.js"
import {
  emptyRanking,
  noUsage,
  RankineError,
  type Ranking,
  type RerankProgram,
  type Standing,
} from "../../../src/core/index.js"

/** Insertion of one document after another, a question each: many rounds, so that budgets and streams show. */
const oneByOne: RerankProgram<PointwiseQuestion, number> = function* (task) {
  const scores = new Map<number, number>()
  const standing = (): Standing => {
    const order = [...scores.keys()].sort((a, b) => scores.get(b)! - scores.get(a)! || a - b)
    return { order, scores: order.map((position) => scores.get(position)!) }
  }
  for (let document = 0; document < task.hits.length; document++) {
    const [score] = yield { questions: [{ document }], standing }
    if (score !== undefined) scores.set(document, score)
  }
  return standing()
}

/** All in one round. */
const allAtOnce: RerankProgram<PointwiseQuestion, number> = function* (task) {
  const order = task.hits.map((_, position) => position)
  const answers = yield {
    questions: order.map((document) => ({ document })),
    standing: () => ({ order: [] }),
  }
  const known = order.filter((position) => answers[position] !== undefined)
  known.sort((a, b) => answers[b]! - answers[a]!)
  const final = { order: known, scores: known.map((position) => answers[position]!) }
  yield { questions: [], standing: () => final }
  return final
}

interface Asked {
  readonly query: string
  readonly documents: readonly number[]
}

function oracleOf(
  score: (text: string) => number,
  options: { fail?: string; tokens?: number; delay?: number; malformed?: boolean } = {},
): Oracle<PointwiseQuestion, number> & { asked: Asked[]; running: number; most: number } {
  const self = {
    asked: [] as Asked[],
    running: 0,
    most: 0,
    name: "oracle",
    fingerprint: "0",
    async ask(
      task: Parameters<Oracle<PointwiseQuestion, number>["ask"]>[0],
      questions: readonly PointwiseQuestion[],
      { signal }: { signal?: AbortSignal },
    ) {
      self.asked.push({ query: task.query.id, documents: questions.map(({ document }) => document) })
      self.most = Math.max(self.most, ++self.running)
      await new Promise((resolve) => setTimeout(resolve, options.delay ?? 0))
      self.running--
      if (signal?.aborted) throw new RankineError("aborted", "stopped by the caller")
      if (task.query.id === options.fail) throw new RankineError("model", "it broke")
      return questions.map(({ document }) => ({
        answer: score(task.hits[document]!.document!.text),
        usage: { ...noUsage, calls: 1, promptTokens: 7, completionTokens: 3 },
        ...(document === 1 ? { truncated: [1], escaped: 2 } : {}),
        ...(options.malformed ? { malformed: true } : {}),
      }))
    },
    mostTokens: () => options.tokens ?? 10,
    describe: () => ({ model: "oracle" }),
  }
  return self
}

function ranking(id: string, texts: readonly (string | undefined)[]): Ranking {
  return {
    ...emptyRanking({ id, text: "q" }, "bm25"),
    hits: texts.map((text, index) => ({
      id: `${id}${index}`,
      score: texts.length - index,
      ...(text === undefined ? {} : { document: { id: `${id}${index}`, text } }),
    })),
  }
}

const ids = ({ hits }: Ranking) => hits.map(({ id }) => id)
const make = (program: typeof oneByOne, oracle: Oracle<PointwiseQuestion, number>, concurrency?: number) =>
  new ProgramReranker(program, oracle, { name: "test", scoreKind: "logit", ...(concurrency ? { concurrency } : {}) })

describe("ProgramReranker", () => {
  it("orders by the program, keeps what has no text below, counts and warns", async () => {
    const oracle = oracleOf(Number, { malformed: true })
    const [result] = await make(oneByOne, oracle).rerank([ranking("a", ["1", "3", undefined, "2", " "])])
    expect(ids(result!)).toEqual(["a1", "a3", "a0", "a2", "a4"])
    expect(result!.hits.slice(0, 3).map(({ score }) => score)).toEqual([3, 2, 1])
    expect(result).toMatchObject({ status: "ranked", final: true, scoreKind: "logit" })
    expect(result!.usage).toMatchObject({ calls: 3, promptTokens: 21, completionTokens: 9, truncated: 1, repaired: 3 })
    expect(result!.warnings).toEqual([
      { code: "missing-document", count: 1, ids: ["a2"] },
      { code: "missing-text", count: 1, ids: ["a4"] },
      { code: "truncated", count: 1, ids: ["a1"] },
      { code: "escaped", count: 2 },
      { code: "repaired", count: 3 },
    ])
  })

  it.each([0, 1, 2, 3, 4, 9])("ends with all documents in place after %i calls", async (maxCalls) => {
    for (const program of [oneByOne, allAtOnce]) {
      const oracle = oracleOf(Number)
      const [result] = await make(program, oracle).rerank([ranking("a", ["1", "4", "2", "3"])], {
        budget: { maxCalls },
      })
      expect(oracle.asked.flatMap(({ documents }) => documents)).toHaveLength(Math.min(4, maxCalls))
      expect(result!.status).toBe(maxCalls < 4 ? "partial" : "ranked")
      expect(ids(result!).sort()).toEqual(["a0", "a1", "a2", "a3"])
      if (maxCalls === 2) expect(ids(result!)).toEqual(["a1", "a0", "a2", "a3"])
      if (maxCalls === 0) expect(result!.scoreKind).toBe("bm25")
    }
  })

  it("never passes the limit of tokens, for each query by itself", async () => {
    const oracle = oracleOf(Number, { tokens: 12 })
    // Each answer takes 10, and may have taken 12: a third one might pass 30.
    const results = await make(allAtOnce, oracle).rerank([ranking("a", ["1", "2", "3", "4"]), ranking("b", ["2"])], {
      budget: { maxTokens: 30 },
    })
    expect(results[0]!.usage.promptTokens + results[0]!.usage.completionTokens).toBeLessThanOrEqual(30)
    expect(results.map(({ status }) => status)).toEqual(["partial", "ranked"])
  })

  it("stops when the time is over", async () => {
    const oracle = oracleOf(Number, { delay: 30 })
    const texts = Array.from({ length: 400 }, (_, index) => String(index))
    const [result] = await make(oneByOne, oracle).rerank([ranking("a", texts)], { budget: { maxSeconds: 0.2 } })
    expect(result!.status).toBe("partial")
    expect(result!.usage.calls).toBeGreaterThan(0)
    expect(result!.hits).toHaveLength(400)
  })

  it("marks the query that fails, or throws, as asked", async () => {
    const rankings = [ranking("a", ["1", "2"]), ranking("b", ["1", "2"]), ranking("c", [undefined])]
    const results = await make(oneByOne, oracleOf(Number, { fail: "b" })).rerank(rankings, { onError: "mark" })
    expect(results.map(({ status }) => status)).toEqual(["ranked", "failed", "failed"])
    expect(ids(results[1]!)).toEqual(["b0", "b1"])
    expect(results[1]!.error!.message).toBe("it broke")
    expect(results[2]!.error!.message).toMatch(/put hydrate\(store\) before it/)
    await expect(make(oneByOne, oracleOf(Number, { fail: "b" })).rerank(rankings.slice(0, 2))).rejects.toThrow(
      "it broke",
    )
  })

  it("works on several queries side by side, not on more than allowed", async () => {
    const rankings = Array.from({ length: 9 }, (_, index) => ranking(`q${index}-`, ["1", "2"]))
    const oracle = oracleOf(Number, { delay: 3 })
    await make(oneByOne, oracle, 4).rerank(rankings)
    expect(oracle.most).toBe(4)
  })

  it("streams better and better rankings, the last one of each query final", async () => {
    const seen: Ranking[] = []
    for await (const each of make(oneByOne, oracleOf(Number)).stream([
      ranking("a", ["1", "2", "3"]),
      ranking("b", ["1"]),
    ]))
      seen.push(each)
    const a = seen.filter(({ query }) => query.id === "a")
    expect(a.map(ids)).toEqual([
      ["a0", "a1", "a2"],
      ["a1", "a0", "a2"],
      ["a2", "a1", "a0"],
    ])
    expect(a.map(({ final }) => final)).toEqual([false, false, true])
    expect(seen.filter(({ query, final }) => query.id === "b" && final)).toHaveLength(1)
  })

  it("stops the model when the loop of a stream is left, or the caller aborts", async () => {
    const oracle = oracleOf(Number, { delay: 2 })
    const texts = Array.from({ length: 300 }, (_, index) => String(index))
    for await (const _ of make(oneByOne, oracle).stream([ranking("a", texts)])) break
    const { length } = oracle.asked
    expect(length).toBeLessThan(10)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(oracle.asked).toHaveLength(length)
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 20)
    await expect(
      make(oneByOne, oracle).rerank([ranking("a", texts)], { signal: controller.signal, onError: "mark" }),
    ).rejects.toMatchObject({ code: "aborted" })
  })

  it("asks nothing for an empty query or an empty ranking, and passes failed ones by", async () => {
    const oracle = oracleOf(Number)
    const failed = { ...ranking("f", ["1"]), status: "failed" as const }
    const blank = { ...ranking("b", ["1", "2"]), query: { id: "b", text: " " } }
    const results = await make(oneByOne, oracle).rerank([ranking("e", []), blank, failed])
    expect(oracle.asked).toEqual([])
    expect(results.map(({ status }) => status)).toEqual(["ranked", "ranked", "failed"])
    expect(results[1]!.warnings).toEqual([{ code: "empty-query", count: 1 }])
    expect(results[1]!.scoreKind).toBe("bm25")
  })

  it("refuses a program that loses its way", async () => {
    const twice: typeof oneByOne = function* () {
      yield { questions: [{ document: 0 }], standing: () => ({ order: [] }) }
      return { order: [0, 0] }
    }
    await expect(make(twice, oracleOf(Number)).rerank([ranking("a", ["1", "2"])])).rejects.toMatchObject({
      code: "internal",
    })
    expect(() => make(oneByOne, oracleOf(Number), 1.5)).toThrow(/concurrency must be a whole number/)
  })
})
