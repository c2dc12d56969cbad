import { existsSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { createAnalyzer, porterStem, type Token } from "../../src/text/index.js"

const fixture = (name: string) =>
  readFileSync(new URL(`./fixtures/${name}`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")

/** Output of Lucene 9.12.1 on Java 17, per analyzer: start, end, term (0 where the term is the text at that place), … */
type Flat = (number | string)[]
interface Case {
  readonly text: string
  readonly [analyzer: string]: string | Flat
}

const cases = fixture("lucene-tokens.jsonl").map((line) => JSON.parse(line) as Case)

function unpack(text: string, flat: Flat): Token[] {
  const tokens: Token[] = []
  for (let index = 0; index < flat.length; index += 3) {
    const [start, end, term] = flat.slice(index, index + 3) as [number, number, string | 0]
    tokens.push({ term: term === 0 ? text.slice(start, end) : term, start, end })
  }
  return tokens
}

describe("Lucene's own output", () => {
  for (const name of ["english", "standard", "whitespace", "simple"])
    it(`${name}: the same terms at the same places`, () => {
      const analyzer = createAnalyzer(name)
      const judged = cases.filter((entry) => name in entry)
      expect(judged.length).toBeGreaterThan(15)
      for (const entry of judged) {
        const expected = unpack(entry.text, entry[name] as Flat)
        expect(analyzer.tokens(entry.text), entry.text).toEqual(expected)
        expect(analyzer.terms(entry.text)).toEqual(expected.map(({ term }) => term))
      }
    })

  it("cjk: the same terms, and the same places where folding keeps a word's length", () => {
    const analyzer = createAnalyzer("cjk")
    let exact = 0
    for (const entry of cases) {
      const expected = unpack(entry.text, entry.cjk as Flat)
      const found = analyzer.tokens(entry.text)
      expect(
        found.map(({ term }) => term),
        entry.text,
      ).toEqual(expected.map(({ term }) => term))
      if (/[\uff9e\uff9f]/.test(entry.text)) continue
      expect(found, entry.text).toEqual(expected)
      exact++
    }
    expect(exact).toBeGreaterThan(100)
  })

  it("Porter's stemmer: the same stems", () => {
    const lines = fixture("lucene-porter.txt")
    expect(lines.length).toBeGreaterThan(3000)
    for (const line of lines) {
      // How many letters go, and what comes in their place.
      const [, word, drop, suffix] = /^(\S+) (\d+)(\S*)$/.exec(line)!
      expect(porterStem(word), word).toBe(word.slice(0, word.length - Number(drop)) + suffix)
    }
  })
})

const scifact = new URL("../../../shared/data/scifact/corpus.jsonl", import.meta.url)

describe.skipIf(!existsSync(scifact))("SciFact's corpus", () => {
  it("has as many english terms as Lucene finds", () => {
    const analyzer = createAnalyzer("english")
    let count = 0
    const distinct = new Set<string>()
    for (const line of readFileSync(scifact, "utf8").split("\n")) {
      if (line === "") continue
      const { title, text } = JSON.parse(line) as { title: string; text: string }
      for (const term of analyzer.terms(`${title} ${text}`)) {
        count++
        distinct.add(term)
      }
    }
    expect({ count, distinct: distinct.size }).toEqual({ count: 838_128, distinct: 28_865 })
  })
})
