/** Snowball stemmers (Porter, snowballstem.org) for some twenty languages, through the package snowball-stemmers. @module */
import snowball from "snowball-stemmers"
import { lowerCase } from "./lower-case.js"

// The package also offers the 1980 Porter stemmer under the name of a language; ours is part of `english`.
const languages = snowball.algorithms().filter((name) => name !== "porter")

/** The languages that have a stemmer, in alphabetical order. */
export function snowballLanguages(): readonly string[] {
  return languages
}

/** Articles and pronouns that lose their vowel and cling to the next word: l'avion, dell'arte, d'aigua. */
const elisions: Readonly<Record<string, RegExp>> = {
  french: /^(?:[cdjlmnst]|qu|jusqu|quoiqu|lorsqu|puisqu)['\u2019\uff07](?=.)/,
  italian: /^(?:[cdlmnstv]|gl|un|all|dall|dell|nell|sull|coll|pell|agl|dagl|degl|negl|sugl)['\u2019\uff07](?=.)/,
  catalan: /^(?:[dlmnst])['\u2019\uff07](?=.)/,
}

/** Dotless ı and dotted İ are letters of their own in Turkish: I is the capital of ı. */
function lowerCaseTurkish(text: string): string {
  return lowerCase(text.replace(/I(?!\u0307)/g, "\u0131").replaceAll("I\u0307", "i"))
}

/** From piece to term: lower case, elided articles, stop words, stemmer. */
export function normalizeSnowball(
  language: string,
  stopWords: ReadonlySet<string>,
): (piece: string) => string | undefined {
  const stemmer = snowball.newStemmer(language)
  const lower = language === "turkish" ? lowerCaseTurkish : lowerCase
  const elision = elisions[language]
  return (piece) => {
    const word = elision ? lower(piece).replace(elision, "") : lower(piece)
    return stopWords.has(word) ? undefined : stemmer.stem(word)
  }
}
