import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parseT5Config } from "../../../src/models/t5/config.js"
import { bucketOf } from "../../../src/models/t5/relative-bias.js"

const base = { model_type: "t5", d_model: 64, d_kv: 16, d_ff: 128, num_layers: 2, num_heads: 4, vocab_size: 100 }

describe("parseT5Config", () => {
  it("reads T5 1.0 as it was published", () => {
    expect(parseT5Config({ ...base, feed_forward_proj: undefined, decoder_start_token_id: 0 })).toMatchObject({
      decoderLayers: 2,
      activation: "relu",
      gated: false,
      scaleOutput: true,
      startId: 0,
      endId: 1,
      buckets: 32,
      maxDistance: 128,
    })
  })

  it("reads T5 1.1 and Flan-T5, whose gated GELU is the approximate one, in older and newer files", () => {
    const gated = { ...base, feed_forward_proj: "gated-gelu", num_decoder_layers: 5 }
    const expected = { decoderLayers: 5, activation: "gelu-tanh", gated: true, scaleOutput: false }
    expect(parseT5Config({ ...gated, tie_word_embeddings: false })).toMatchObject(expected)
    expect(parseT5Config({ ...gated, tie_word_embeddings: true, scale_decoder_outputs: false })).toMatchObject(expected)
  })

  it("knows that mT5 never scales, whatever its file says of shared tables", () => {
    const read = parseT5Config({ ...base, model_type: "mt5", tie_word_embeddings: true })
    expect(read).toMatchObject({ activation: "gelu-tanh", gated: true, scaleOutput: false })
  })

  it("refuses what would give wrong numbers", () => {
    const refused = [
      { model_type: "umt5" },
      { model_type: "longt5" },
      { feed_forward_proj: "gated-softplus" },
      { feed_forward_proj: "toString" },
      { d_model: "wide" },
      { eos_token_id: "</s>" },
    ]
    for (const changes of refused) expect(() => parseT5Config({ ...base, ...changes })).toThrow(/config\.json/)
  })
})

describe("bucketOf", () => {
  const file = join(import.meta.dirname, "fixtures/buckets.json")
  const rules = JSON.parse(readFileSync(file, "utf8")) as (Parameters<typeof bucketOf>[1] & {
    first: number
    expected: number[]
  })[]

  it.each(rules)("has transformers' buckets: $buckets up to $maxDistance, both ways $bidirectional", (rule) => {
    const found = rule.expected.map((_, index) => bucketOf(rule.first + index, rule))
    expect(found).toEqual(rule.expected)
  })
})
