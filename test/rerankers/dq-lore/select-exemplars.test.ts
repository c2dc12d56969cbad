import { beforeAll, describe, expect, it } from "vitest"
import {
  chainOfThought,
  type Exemplar,
  ExemplarPool,
  mostSteps,
  selectExemplars,
} from "../../../rerankers/dq-lore/index.js"
import { type EmbeddingModel, embeddedModel, loadStaticEmbedder } from "../../../src/models/index.js"
import { scriptedModel } from "../groupwise/scripted-model.js"

const exemplars: Exemplar[] = [
  {
    id: "eggs",
    question: "How many eggs are left of 12 after 5 are eaten?",
    solution: "12 - 5 = 7 eggs are left.\nSo 7.",
  },
  { id: "train", question: "How far does a train go in 3 hours at 60 mph?", solution: "60 * 3 = 180 miles.\n180." },
  { id: "bus", question: "How long does a bus need for 100 miles at 50 mph?", solution: "100 / 50 = 2 hours.\n\n2\n." },
  {
    id: "cake",
    question: "How much flour do 3 cakes need at 2 cups each?",
    solution: "3 * 2 = 6 cups of flour.\nSo 6.",
  },
  { id: "pens", question: "What do 4 pens cost at $2?", solution: "4 * 2 = $8." },
]

let model: EmbeddingModel
let pool: ExemplarPool
beforeAll(async () => {
  model = await loadStaticEmbedder(embeddedModel("potion-base-4M"))
  pool = await ExemplarPool.build(exemplars, model)
})

const idsOf = (chosen: readonly Exemplar[]) => chosen.map(({ id }) => id)

describe("selectExemplars", () => {
  it("asks for a chain of thought behind initial exemplars, and searches with both", async () => {
    const thinker = scriptedModel(() => "Let's think step by step. The train goes so many miles in an hour at 60 mph.")
    const [chosen] = await selectExemplars(["How far?"], {
      pool,
      model: thinker,
      count: 2,
      candidates: 4,
      form: "plain",
    })
    expect(idsOf(chosen!.exemplars).sort()).toEqual(["bus", "train"])
    expect(chosen!.thoughts).toBe("The train goes so many miles in an hour at 60 mph.")
    expect(chosen!.usage).toMatchObject({ calls: 2 })
    expect(chosen!.usage.completionTokens).toBeGreaterThan(5)
    // The two with the most steps, then the question.
    expect(thinker.texts[0]).toBe(
      `Question: ${exemplars[2]!.question}\nAnswer: ${exemplars[2]!.solution}\n\n` +
        `Question: ${exemplars[0]!.question}\nAnswer: ${exemplars[0]!.solution}\n\nQuestion: How far?\nAnswer:`,
    )
    expect(thinker.asked[0]).toMatchObject({ temperature: 0, maxTokens: 300, stop: ["Question:"] })
    const chat = scriptedModel(() => "It bakes.")
    await selectExemplars(["How far?"], { pool, model: chat, count: 1, initial: [exemplars[4]!] })
    expect(chat.asked[0]).toMatchObject({
      messages: [
        { role: "user", content: exemplars[4]!.question },
        { role: "assistant", content: exemplars[4]!.solution },
        { role: "user", content: "How far?" },
      ],
    })
  })

  it("never gives a question as its own exemplar, nor shows it with its answer", async () => {
    const thinker = scriptedModel(() => "miles at mph")
    const questions = [
      { id: "bus", text: "anything" },
      `  ${exemplars[2]!.question.toUpperCase()} `,
      "another question",
    ]
    const options = { pool, model: thinker, count: 4, candidates: 5, form: "plain" } as const
    const chosen = await selectExemplars(questions, options)
    expect(idsOf(chosen[0]!.exemplars)).not.toContain("bus")
    expect(idsOf(chosen[1]!.exemplars)).not.toContain("bus")
    expect(chosen.map((each) => each.exemplars.length)).toEqual([4, 4, 4])
    expect(thinker.texts.map((text) => text.includes(exemplars[2]!.question))).toEqual([false, false, true])
    expect(thinker.texts.map((text) => text.match(/Answer:/g)!.length)).toEqual([5, 5, 5])
  })

  it("takes thoughts that are known, or the question alone; low rank or plain", async () => {
    const question = exemplars[3]!.question
    const [known] = await selectExemplars(["x"], { pool, thoughts: ["flour for a cake"], count: 1 })
    expect(idsOf(known!.exemplars)).toEqual(["cake"])
    const [alone] = await selectExemplars([`${question} Really?`], { pool, count: 5, lowRank: false })
    expect(alone!.thoughts).toBeUndefined()
    const [vector] = await model.encode([`${question} Really?`], "query")
    const dots = pool.vectors.map((each) => each.reduce((sum, value, at) => sum + value * vector![at]!, 0))
    const order = exemplars.map((_, at) => at).sort((left, right) => dots[right]! - dots[left]!)
    expect(idsOf(alone!.exemplars)).toEqual(order.map((at) => exemplars[at]!.id))
    const [low] = await selectExemplars([`${question} Really?`], { pool, count: 5, dimensions: 2 })
    expect(low!.scores).toEqual([...low!.scores].sort((left, right) => right - left))
    expect([...low!.scores]).not.toEqual([...alone!.scores])
  })

  it("refuses what makes no sense", async () => {
    await expect(selectExemplars(["x"], { pool, count: 9, candidates: 8 })).rejects.toThrow(/at least count/)
    await expect(selectExemplars(["x"], { pool, count: 0 })).rejects.toThrow(/count/)
    await expect(selectExemplars([" "], { pool })).rejects.toThrow(/question 1 of 1/)
    await expect(selectExemplars(["x"], { pool, thoughts: [] })).rejects.toThrow(/0 thoughts/)
    await expect(ExemplarPool.build([], model)).rejects.toThrow(/no exemplars/)
    await expect(ExemplarPool.build([exemplars[0]!, exemplars[0]!], model)).rejects.toThrow(/two exemplars/)
    await expect(ExemplarPool.build([{ ...exemplars[0]!, solution: "" }], model)).rejects.toThrow(/no solution/)
    await expect(ExemplarPool.build(exemplars, model, { vectors: [] })).rejects.toThrow(/0 vectors/)
  })

  it("strips the phrase that chains of thought begin with", () => {
    expect(chainOfThought("Answer: Let’s think step by step:\n first this,\nthen that")).toBe("first this, then that")
    expect(chainOfThought("We let them think.")).toBe("We let them think.")
    expect(idsOf(mostSteps(exemplars, 3))).toEqual(["bus", "eggs", "train"])
  })
})
