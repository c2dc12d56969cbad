import { describe, expect, it } from "vitest"
import { groupScores, strictGroupScores } from "../../../rerankers/groupwise/index.js"
import { Random } from "../../../src/core/index.js"

const scoresOf = (answer: string, count = 3) => groupScores(answer, count).scores

describe("groupScores", () => {
  it("reads a fenced object, the last one where there are several", () => {
    const answer = 'Draft: ```json\n{"[1]": 1}\n``` better:\n```json\n{"[1]": 7, "[2]": 0,\n "[3]": 10}\n``` done'
    expect(groupScores(answer, 3)).toEqual({
      scores: [0.7, 0, 1],
      repairs: { mended: false, invalid: 0, duplicates: 0, senseless: 0, clamped: 0, missing: 0 },
      unreadable: false,
      repaired: false,
    })
  })

  it("reads the last braces where nothing is fenced", () => {
    expect(scoresOf('{"[1]": 1} and then {"[1]": 2, "[2]": 3, "[3]": 4}')).toEqual([0.2, 0.3, 0.4])
    expect(scoresOf('{"scores": {"[1]": 2, "[2]": 3, "[3]": 4}}')).toEqual([0.2, 0.3, 0.4])
  })

  it("mends doubled brackets and a missing brace, in this order", () => {
    expect(groupScores('{"[1]]": 7, "[2]": 5, "[3]": 1}', 3)).toMatchObject({ scores: [0.7, 0.5, 0.1] })
    const cut = groupScores('{"[1]]": 7,\n "[2]": 5, "[3]": 1', 3)
    expect(cut).toMatchObject({ scores: [0.7, 0.5, 0.1], repaired: true, repairs: { mended: true } })
    expect(groupScores('```json\n{"[1]": 7, "[2]": 5,', 3)).toMatchObject({ scores: [0.7, 0.5, undefined] })
  })

  it("picks whole pairs out of what no mending makes JSON", () => {
    expect(groupScores('{"[1]": 7, "[2]": high, "[3]": 4}', 3)).toMatchObject({
      scores: [0.7, undefined, 0.4],
      repairs: { mended: true, missing: 1 },
    })
    expect(scoresOf('{"[1]": 7, "[2]": ')).toEqual([0.7, undefined, undefined])
  })

  it("drops keys of no document and values that are no scores, and counts them", () => {
    const { scores, repairs, unreadable } = groupScores(
      '{"[0]": 9, "[4]": 9, "[-1]": 9, "x": 9, "[1]": 12, "[2]": null, "[3]": "6", "[3]": 9}',
      3,
    )
    expect(scores).toEqual([1, undefined, 0.6])
    expect(repairs).toEqual({ mended: false, invalid: 4, duplicates: 1, senseless: 1, clamped: 1, missing: 1 })
    expect(unreadable).toBe(false)
    expect(scoresOf('{"1": 3, "2": "8/10", "[3]": -2}')).toEqual([0.3, 0.8, 0])
  })

  it("says when nothing can be read, for any text whatever", () => {
    for (const answer of [
      "",
      "no",
      "{",
      "}",
      "{}",
      "[1, 2, 3]",
      "null",
      '{"[1]": [7]}',
      '{"__proto__": 3}',
      "```json\n```",
    ])
      expect(groupScores(answer, 3), answer).toMatchObject({
        unreadable: true,
        repaired: true,
        repairs: { missing: 3 },
      })
    const random = new Random(3, "hostile")
    const alphabet = '{}[]":,0123456789 e-\\\n`x'
    for (let run = 0; run < 500; run++) {
      const text = Array.from({ length: 40 }, () => alphabet[random.integer(alphabet.length)]).join("")
      const { scores } = groupScores(`{"[1]": ${text}`, 4)
      expect(scores).toHaveLength(4)
      for (const score of scores) if (score !== undefined) expect(score >= 0 && score <= 1).toBe(true)
    }
  })
})

describe("strictGroupScores", () => {
  const whole = (json: string) => `<reason>because</reason>\n<answer>\n${json}\n</answer>`

  it("takes a completion that keeps both contracts", () => {
    const json = '{"[1]": 10, "[2]": 0, "[3]": 4}'
    for (const answer of [json, `\`\`\`json\n${json}\n\`\`\``, `\`\`\`\n${json}\n\`\`\``])
      expect(strictGroupScores(whole(answer), 3)).toEqual({ kind: "scores", scores: [1, 0, 0.4] })
  })

  it("tells broken tags from broken JSON", () => {
    const json = '{"[1]": 10, "[2]": 0}'
    for (const text of [json, `<answer>${json}</answer>`, `so: ${whole(json)}`, `${whole(json)} .`, whole(whole(json))])
      expect(strictGroupScores(text, 2), text).toEqual({ kind: "invalid-format" })
    for (const inside of [
      "",
      "{}",
      '{"[1]": 10}',
      '{"[1]": 10, "[2]": 0, "[3]": 1}',
      '{"[1]": 10, "[1]": 10}',
      '{"[1]": 10, "2": 0}',
      '{"[1]": 11, "[2]": 0}',
      '{"[1]": 2.5, "[2]": 0}',
      '{"[1]": "3", "[2]": 0}',
      '{"[1]]": 3, "[2]": 0}',
      '{"[1]": 3, "[2]": 0',
      '{"[1]": {"[2]": 3}}',
      `scores: ${json}`,
    ])
      expect(strictGroupScores(whole(inside), 2), inside).toEqual({ kind: "invalid-json" })
  })
})
