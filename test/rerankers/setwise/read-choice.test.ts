import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { loadPrompt } from "../../../rerankers/prompts/index.js"
import { readChoice, strictChoice } from "../../../rerankers/setwise/index.js"

const setwise = await loadPrompt("setwise")
const rankR1 = await loadPrompt("rank-r1")
const sft = await loadPrompt("rank-r1-sft")

describe("a choice by letter", () => {
  it.each<[completion: string, count: number, best: number | undefined]>([
    // The prompt has written the word passage already.
    [" B", 3, 1],
    [" C\n\nPassage A is about something else", 3, 2],
    [': "B"', 3, 1],
    [" **B**", 3, 1],
    ["s differ, but Passage B is the best.", 3, 1],
    ["\nThe answer is B.", 3, 1],
    ["[B]", 3, 1],
    // Nothing that was shown.
    [" D", 3, undefined],
    ["", 3, undefined],
    ["s are all fine", 3, undefined],
    // A letter that only begins a word, or stands in one.
    [" Because of it", 3, undefined],
    ["s: I'd say so", 22, undefined],
    [" Х", 3, undefined],
  ])("%j of %i", (completion, count, best) => {
    expect(readChoice(setwise, completion, count)).toEqual({ best, malformed: best === undefined })
  })
})

describe("a choice within tags", () => {
  it.each<[completion: string, best: number | undefined, malformed?: boolean]>([
    ["<think>It is [2].</think> <answer>[3]</answer>", 2],
    ["<think>It is [2].</think>\n<answer> [3] </answer> because", 2],
    // The opening tag of thoughts may stand in the prompt.
    ["It is [2].</think><answer>[3]</answer>", 2],
    ["<THINK>x</THINK><ANSWER>[3]</ANSWER>", 2],
    ["<answer>[3]</answer>", 2],
    ["<answer>3</answer>", 2],
    ["<answer>Document [3]</answer>", 2],
    ["<think>So <answer>[1]</answer>? No.</think> <answer>[3]</answer>", 2],
    ["<answer>[1]</answer> Rather <answer>[3]</answer>", 2],
    ["<think>x</think> <answer>[3] > [2]</answer>", 2, true],
    // No document that was shown.
    ["<think>x</think> <answer>[21]</answer>", undefined],
    ["<think>x</think> <answer>[0]</answer>", undefined],
    ["<think>x</think> <answer>[-1]</answer>", undefined],
    ["<think>x</think> <answer>[٣]</answer>", undefined],
    ["<think>x</think> <answer>none</answer>", undefined],
    // No answer: thoughts without an end, tags without one.
    ["<think>I would say <answer>[3]</answer>, but", undefined],
    ["<think>x</think> [3]", undefined],
    ["<think>x</think> <answer>[1", undefined],
    ["[3]", undefined],
    ["", undefined],
  ])("%j", (completion, best, malformed = best === undefined) => {
    expect(readChoice(rankR1, completion, 20)).toEqual({ best, malformed })
  })

  it("is never anything but a document that was shown, or none", () => {
    const pieces = fc.constantFrom(
      "<think>",
      "</think>",
      "<answer>",
      "</answer>",
      "[",
      "]",
      "3",
      "21",
      "A",
      "Passage ",
      "\n",
      "x",
      "<",
      "💥",
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), fc.integer({ min: 1, max: 20 }), (parts, count) => {
        for (const prompt of [setwise, rankR1, sft]) {
          const { best } = readChoice(prompt, parts.join(""), count)
          if (best !== undefined) expect(best >= 0 && best < count && Number.isInteger(best)).toBe(true)
        }
      }),
    )
  })
})

describe("a strict choice", () => {
  it.each<[completion: string, best: number | undefined]>([
    ["<think>x\ny</think>\n<answer>[3]</answer>", 2],
    ["<think>x</think><answer> [3] </answer>\n", 2],
    ["<think>x</think> <answer>3</answer>", undefined],
    ["<think>x</think> <answer>[03]</answer>", undefined],
    ["<think>x</think> <answer>[3] > [2]</answer>", undefined],
    ["<think>x</think> <answer>[21]</answer>", undefined],
    ["<think>x</think> <answer>[3]</answer> indeed", undefined],
    ["<THINK>x</THINK> <ANSWER>[3]</ANSWER>", undefined],
    ["<answer>[3]</answer>", undefined],
    ["[3]", undefined],
  ])("%j", (completion, best) => {
    expect(strictChoice(rankR1, completion, 20)).toBe(best)
  })

  it("of the variant that does not reason has no thoughts", () => {
    expect(strictChoice(sft, "<answer>[3]</answer>", 20)).toBe(2)
    expect(strictChoice(sft, "<think>x</think> <answer>[3]</answer>", 20)).toBeUndefined()
  })
})
