/**
 * The generated collection: words drawn by Zipf's law, the same texts for every engine and every run.
 * @module
 */
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import { mkdir, rename, writeFile } from "node:fs/promises"
import { dirname } from "node:path"

export const generatedShape = Object.freeze({
  seed: 7,
  vocabulary: 200_000,
  exponent: 1.07,
  minimumWords: 60,
  maximumWords: 180,
  queries: 500,
  minimumQueryWords: 3,
  maximumQueryWords: 6,
})

/**
 * xoshiro128** (Blackman and Vigna, 2021), its state filled by a splitmix32 step per word.
 * Sequential rather than counter-based: a million documents take 120 million draws.
 */
export function randomBits(seed) {
  const state = new Int32Array(4)
  let fill = seed | 0
  for (let i = 0; i < 4; i++) {
    fill = (fill + 0x9e3779b9) | 0
    let word = fill ^ (fill >>> 16)
    word = Math.imul(word, 0x21f0aaad)
    word ^= word >>> 15
    word = Math.imul(word, 0x735a2d97)
    state[i] = word ^ (word >>> 15)
  }
  return function next() {
    const scrambled = Math.imul(state[1], 5)
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0
    const shifted = state[1] << 9
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = (state[3] << 11) | (state[3] >>> 21)
    return result
  }
}

/** Draws word numbers 0 … vocabulary - 1 with probability proportional to 1 / (number + 1) ** exponent. */
export function zipfSampler(vocabulary, exponent, next) {
  const cumulative = new Float64Array(vocabulary)
  let sum = 0
  for (let i = 0; i < vocabulary; i++) cumulative[i] = sum += (i + 1) ** -exponent
  return function draw() {
    const target = ((next() + 0.5) / 2 ** 32) * sum
    let low = 0
    let high = vocabulary - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (cumulative[middle] < target) low = middle + 1
      else high = middle
    }
    return low
  }
}

function integerBetween(next, minimum, maximum) {
  return minimum + Math.floor((next() / 2 ** 32) * (maximum - minimum + 1))
}

/**
 * Documents as arrays of word numbers, one after another. The first n documents of a collection are those of
 * every larger one with the same seed.
 */
export function* generateDocuments(count, shape = generatedShape) {
  const next = randomBits(shape.seed)
  const draw = zipfSampler(shape.vocabulary, shape.exponent, next)
  const buffer = new Uint32Array(shape.maximumWords)
  for (let i = 0; i < count; i++) {
    const length = integerBetween(next, shape.minimumWords, shape.maximumWords)
    for (let j = 0; j < length; j++) buffer[j] = draw()
    yield buffer.subarray(0, length)
  }
}

/** Chooses beforehand which documents lend words to which query: document number → query numbers. */
function chooseSources(count, shape, next) {
  const sources = new Map()
  for (let query = 0; query < shape.queries; query++) {
    const document = integerBetween(next, 0, count - 1)
    if (!sources.has(document)) sources.set(document, [])
    sources.get(document).push(query)
  }
  return sources
}

/**
 * Streams `count` documents into `corpusFile` and the queries into `queryFile` (lines of id, tab, text).
 * Both appear under their names only when they are whole.
 */
export async function writeGenerated(count, corpusFile, queryFile, { shape = generatedShape, onProgress } = {}) {
  await mkdir(dirname(corpusFile), { recursive: true })
  const words = Array.from({ length: shape.vocabulary }, (_, i) => `w${i}`)
  const next = randomBits(shape.seed ^ count)
  const sources = chooseSources(count, shape, next)
  const queries = new Array(shape.queries)
  const stream = createWriteStream(`${corpusFile}.part`)
  let block = []
  let number = 0
  for (const document of generateDocuments(count, shape)) {
    const terms = Array.from(document, (word) => words[word])
    block.push(`d${number}\t${terms.join(" ")}\n`)
    for (const query of sources.get(number) ?? []) {
      const length = integerBetween(next, shape.minimumQueryWords, shape.maximumQueryWords)
      const chosen = new Set()
      for (let i = 0; i < length; i++) chosen.add(terms[integerBetween(next, 0, terms.length - 1)])
      queries[query] = `q${query}\t${[...chosen].join(" ")}\n`
    }
    number++
    if (block.length === 2000 || number === count) {
      if (!stream.write(block.join(""))) await once(stream, "drain")
      block = []
      onProgress?.(number)
    }
  }
  stream.end()
  await once(stream, "close")
  await writeFile(`${queryFile}.part`, queries.join(""))
  await rename(`${queryFile}.part`, queryFile)
  await rename(`${corpusFile}.part`, corpusFile)
}
