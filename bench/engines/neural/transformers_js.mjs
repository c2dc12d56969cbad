/** transformers.js as its documentation and model cards show it: one call, padded to the longest. @module */
import { basename, dirname } from "node:path"
import { AutoModelForSequenceClassification, AutoTokenizer, env, pipeline } from "@huggingface/transformers"
import { serve } from "./serve.mjs"

env.allowRemoteModels = false

await serve({
  version: env.version,
  async load({ task, onnxFolder, threads }) {
    env.localModelPath = dirname(onnxFolder)
    const name = basename(onnxFolder)
    // The folder's tokenizer_config.json holds the length at which texts are cut, because the calls below take none.
    const options = { dtype: "fp32", session_options: { intraOpNumThreads: threads } }
    if (task === "embed") return { extract: await pipeline("feature-extraction", name, options) }
    return {
      tokenizer: await AutoTokenizer.from_pretrained(name),
      classifier: await AutoModelForSequenceClassification.from_pretrained(name, options),
    }
  },
  async run({ extract, tokenizer, classifier }, { texts, groups }) {
    if (texts) {
      const output = await extract(texts, { pooling: "mean", normalize: true })
      return { values: output.tolist() }
    }
    const values = []
    for (const { query, documents } of groups) {
      const features = tokenizer(new Array(documents.length).fill(query), {
        text_pair: documents,
        padding: true,
        truncation: true,
      })
      const { logits } = await classifier(features)
      values.push(
        ...logits
          .sigmoid()
          .tolist()
          .map(([score]) => score),
      )
    }
    return { values }
  },
})
