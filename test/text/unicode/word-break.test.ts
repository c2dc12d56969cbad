import { describe, expect, it } from "vitest"
import { wordBreakClasses } from "../../../src/text/unicode/word-break.js"
import { classSets, type WordBreakSet } from "../../../src/text/unicode/word-break-data.js"

/** The code points of a set, as strings. */
function membersOf(set: WordBreakSet): string[] {
  const classes = wordBreakClasses()
  const inSet = classSets.map((sets) => sets.includes(set))
  const members: string[] = []
  classes.forEach((index, code) => {
    if (inSet[index]) members.push(String.fromCodePoint(code))
  })
  return members
}

describe("the table of word break classes", () => {
  // The engine's Unicode is newer than 12.1: its scripts and emoji have grown, hardly anything has left them.
  const properties: [WordBreakSet, RegExp, number][] = [
    ["Han", /\p{Script=Han}/u, 89_233],
    ["Hiragana", /\p{Script=Hiragana}/u, 379],
    ["Hangul", /\p{Script=Hangul}/u, 11_675],
    ["Hebrew", /\p{Script=Hebrew}/u, 75],
    ["Katakana", /[\p{Script=Katakana}\p{Script=Common}\p{Script=Hiragana}]/u, 314],
    ["Digit", /[\p{Nd}\p{Cf}\u066b\u066c]/u, 631],
    ["Flag", /\p{Regional_Indicator}/u, 26],
    ["ModifierBase", /\p{Emoji_Modifier_Base}/u, 120],
    ["Modifier", /\p{Emoji_Modifier}/u, 5],
    ["Connector", /[\p{Pc}\u202f]/u, 11],
    ["Letter", /\p{Alphabetic}|[\p{Lm}\p{Sk}\p{Po}]/u, 0],
    ["Extend", /[\p{M}\p{Cf}\p{Emoji_Modifier}]|[\u200c\uff9e\uff9f]/u, 0],
  ]
  for (const [set, pattern, size] of properties)
    it(`${set} agrees with the engine's own properties`, () => {
      const members = membersOf(set)
      expect(members.filter((sign) => !pattern.test(sign))).toEqual([])
      if (size > 0) expect(members).toHaveLength(size)
      else expect(members.length).toBeGreaterThan(2000)
    })
})
