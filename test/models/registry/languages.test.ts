import { describe, expect, it } from "vitest"
import { languageMismatch, warnLanguage } from "../../../src/models/registry/index.js"

const texts = {
  en: "What is the capital of France, and how is it governed by the people that live in it?",
  de: "Was ist die Hauptstadt von Frankreich und wie wird sie von den Menschen, die dort sind, regiert?",
  fr: "Quelle est la capitale de la France, et comment est-elle gouvernée par les gens qui y vivent ?",
  es: "¿Cuál es la capital de Francia y cómo la gobiernan las personas que viven en el país?",
  ru: "Какая столица Франции и как ею управляют?",
  zh: "法国的首都是哪里？",
  ja: "フランスの首都はどこですか",
  ar: "ما هي عاصمة فرنسا وكيف تحكم؟",
  hi: "फ्रांस की राजधानी क्या है?",
  ko: "프랑스의 수도는 어디입니까?",
}
const languages = Object.keys(texts)
const positions = (...wanted: string[]) => languages.flatMap((one, at) => (wanted.includes(one) ? [] : [at]))

describe("languageMismatch", () => {
  it("tells English from every other language, by script and by words", () => {
    expect(languageMismatch(Object.values(texts), ["en"])).toEqual(positions("en"))
    expect(languageMismatch(Object.values(texts), ["de"])).toEqual(positions("de"))
    expect(languageMismatch(Object.values(texts), ["en", "de"])).toEqual(positions("en", "de"))
    expect(languageMismatch(Object.values(texts), ["pt-BR"])).toEqual(positions())
  })

  it("knows which scripts belong together", () => {
    // Japanese is written with Chinese characters too; Chinese is not written with kana.
    expect(languageMismatch(Object.values(texts), ["zh"])).toEqual(positions("zh"))
    expect(languageMismatch([texts.zh, texts.ja], ["ja"])).toEqual([])
    expect(languageMismatch([texts.ru], ["uk"])).toEqual([])
  })

  it("stays silent where nothing is plain", () => {
    const harmless = [
      "",
      "GPT-4",
      "∑ x² = 42",
      "The word Москва means Moscow, and 東京 is Tokyo.",
      "HNSW ef_construction=200",
      "Schadenfreude",
      "vitamin C deficiency",
      "de la Cruz v. Los Angeles",
      "🙂🙂🙂",
    ]
    expect(languageMismatch(harmless, ["en"])).toEqual([])
    expect(languageMismatch(Object.values(texts), ["multilingual"])).toEqual([])
    expect(languageMismatch(Object.values(texts), undefined)).toEqual([])
    // No list of words for Welsh: only other scripts can be told.
    expect(languageMismatch(Object.values(texts), ["cy"])).toEqual(positions("en", "de", "fr", "es"))
  })

  it("looks at the beginning of long texts only, and counts as a warning", () => {
    expect(languageMismatch([`${texts.en} `.repeat(40) + texts.ru.repeat(1000)], ["en"])).toEqual([])
    expect(warnLanguage([texts.en, texts.ru, texts.zh], ["en"])).toEqual([{ code: "language-mismatch", count: 2 }])
    expect(warnLanguage([texts.en], ["en"])).toEqual([])
  })
})
