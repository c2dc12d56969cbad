import { describe, expect, it } from "vitest"
import { parseEncoderConfig } from "../../../src/models/encoder/config.js"

const base = {
  hidden_size: 64,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 128,
  vocab_size: 100,
  max_position_embeddings: 514,
}

describe("parseEncoderConfig", () => {
  it("knows that RoBERTa and MPNet lose the positions before their first", () => {
    expect(parseEncoderConfig({ ...base, model_type: "bert" })).toMatchObject({ maxLength: 514, firstPosition: 0 })
    for (const model_type of ["roberta", "xlm-roberta", "camembert", "mpnet"])
      expect(parseEncoderConfig({ ...base, model_type })).toMatchObject({ maxLength: 512, firstPosition: 2, padId: 1 })
  })

  it("reads ModernBERT's layers and rotations in the older and the newer form", () => {
    const older = parseEncoderConfig({
      ...base,
      model_type: "modernbert",
      global_attn_every_n_layers: 2,
      global_rope_theta: 5000,
      local_rope_theta: null,
      local_attention: 9,
    })
    expect(older.modern).toMatchObject({
      global: [true, false, true, false],
      reach: 4,
      globalTheta: 5000,
      localTheta: 5000,
    })
    const newer = parseEncoderConfig({
      ...base,
      model_type: "modernbert",
      layer_types: ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
      rope_parameters: {
        full_attention: { rope_theta: 7, rope_type: "default" },
        sliding_attention: { rope_theta: 3, rope_type: "default" },
      },
    })
    expect(newer.modern).toMatchObject({ global: [true, false, false, true], globalTheta: 7, localTheta: 3 })
  })

  it("refuses what would give wrong numbers", () => {
    const refused = [
      { model_type: "toString" },
      { model_type: "bert", is_decoder: true },
      { model_type: "bert", num_attention_heads: 5 },
      { model_type: "bert", vocab_size: "many" },
      { model_type: "modernbert", layer_types: ["full_attention"] },
      { model_type: "modernbert", rope_parameters: { full_attention: { rope_type: "yarn", rope_theta: 1 } } },
    ]
    for (const changes of refused) expect(() => parseEncoderConfig({ ...base, ...changes })).toThrow(/config\.json/)
  })
})
