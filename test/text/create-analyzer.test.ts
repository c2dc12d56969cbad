import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/index.js"
import { analyzerNames, createAnalyzer } from "../../src/text/index.js"

describe("createAnalyzer", () => {
  it("refuses unknown names, options and languages, and says what exists", () => {
    const failures: [unknown, RegExp][] = [
      ["klingon", /klingon.*english.*german.*swedish/],
      ["toString", /there is no analyzer/],
      [{ name: "snowball" }, /needs a language out of: arabic/],
      [{ name: "snowball", language: "klingon" }, /klingon/],
      [{ name: "english", stopwords: [] }, /no option stopwords; its options: stopWords/],
      [{ name: "whitespace", stopWords: false }, /no option stopWords; its options: none/],
      [{ name: "english", stopWords: "the" }, /must be a list of words/],
      [{ name: "german", language: "french" }, /german.*no option language/],
    ]
    for (const [spec, message] of failures) {
      const attempt = () => createAnalyzer(spec as string)
      expect(attempt).toThrow(RankineError)
      expect(attempt).toThrow(message)
      expect(attempt).toThrow(expect.objectContaining({ code: "argument" }))
    }
  })

  it("makes every analyzer that it names, and each again from its stored specification", () => {
    const text = "The runners' L'avion Häuser бегущие 東京タワー ﾊﾟﾝ 3.14 the der и"
    for (const name of analyzerNames()) {
      if (name === "snowball") continue
      const analyzer = createAnalyzer(name)
      const again = createAnalyzer(JSON.parse(JSON.stringify(analyzer.spec)))
      expect(again.tokens(text), name).toEqual(analyzer.tokens(text))
      expect(again.spec).toEqual(analyzer.spec)
      expect(analyzer.terms(text).length).toBeGreaterThan(5)
    }
  })

  it("keeps a copy of the specification", () => {
    const stopWords = ["fox"]
    const analyzer = createAnalyzer({ name: "english", stopWords })
    stopWords.push("dog")
    expect(analyzer.spec).toEqual({ name: "english", stopWords: ["fox"] })
    expect(analyzer.terms("the fox the dog")).toEqual(["the", "the", "dog"])
  })

  it("takes stop words away with false", () => {
    expect(createAnalyzer({ name: "english", stopWords: false }).terms("to be")).toEqual(["to", "be"])
    expect(createAnalyzer("english").terms("to be")).toEqual([])
  })
})

describe("snowball", () => {
  // Stems as Lucene 9.12.1's Snowball stemmers give them; articles and conjunctions are stop words of ours.
  const stems: [language: string, text: string, terms: string[]][] = [
    ["german", "Häuser aufeinanderfolgende und die Freundschaften", ["haus", "aufeinanderfolg", "freundschaft"]],
    ["french", "généreusement l’avion d'accord la QU'ACCORD", ["géner", "avion", "accord", "accord"]],
    ["italian", "abbandonato dell'arte il nazionalità", ["abbandon", "arte", "nazional"]],
    ["spanish", "chicharrones los rápidamente", ["chicharron", "rapid"]],
    ["portuguese", "quilométricas as comendo", ["quilométr", "com"]],
    ["dutch", "lichamelijkheden het opgaven", ["licham", "opgav"]],
    ["swedish", "jaktkarlarne och friheten", ["jaktkarl", "frihet"]],
    ["russian", "важнейшими и читающий", ["важн", "чита"]],
    ["turkish", "ISPARTA KİTAPLARI", ["ıspar", "kitap"]],
    ["finnish", "edeltäjistään taloissa", ["edeltäj", "talo"]],
    ["catalan", "l'aigua nacionalitats", ["aigu", "nacional"]],
  ]
  for (const [language, text, expected] of stems)
    it(`${language}: ${text}`, () => {
      expect(createAnalyzer(language).terms(text)).toEqual(expected)
      expect(createAnalyzer({ name: "snowball", language }).terms(text)).toEqual(expected)
    })

  it("english is Porter's second stemmer, unlike the analyzer english", () => {
    const porter2 = createAnalyzer({ name: "snowball", language: "english" })
    expect(porter2.terms("generously skies dying")).toEqual(["generous", "sky", "die"])
    expect(createAnalyzer("english").terms("generously skies dying")).toEqual(["gener", "ski", "dy"])
  })
})
