/** What follows the last layer: classification, and sparse term weights. @module */
import { RankineError } from "../../core/errors.js"
import type { Value } from "../../onnx/ir.js"
import type { EncoderConfig, EncoderFamily } from "./config.js"
import { type EncoderInputs, flatten } from "./inputs.js"
import type { Net } from "./net.js"
import { pool } from "./pooling.js"

/** How many numbers the classification head gives. Throws `model` where the checkpoint has no such head. */
export function labelCount(net: Net): number {
  for (const name of ["classifier.weight", "classifier.out_proj.weight"]) if (net.has(name)) return net.shape(name)[0]
  throw new RankineError(
    "model",
    "the checkpoint has no classification head (classifier.weight): it is no cross-encoder, use it as an embedder",
  )
}

/** [batch, labels]: each family's own classification head. */
export function classify(net: Net, config: EncoderConfig, hidden: Value, mask: Value): Value {
  const { family, width } = config
  const labels = labelCount(net)
  switch (family) {
    case "bert": {
      const pooled = net.op("Tanh", [net.exactLinear(net.firstToken(hidden), "pooler.dense", width, width)])
      return net.exactLinear(pooled, "classifier", labels, width)
    }
    case "roberta":
    case "mpnet": {
      const inner = net.op("Tanh", [net.exactLinear(net.firstToken(hidden), "classifier.dense", width, width)])
      return net.exactLinear(inner, "classifier.out_proj", labels, width)
    }
    case "distilbert": {
      const inner = net.op("Relu", [net.exactLinear(net.firstToken(hidden), "pre_classifier", width, width)])
      return net.exactLinear(inner, "classifier", labels, width)
    }
    case "modernbert": {
      const modern = config.modern!
      const pooled = pool(net, hidden, mask, modern.classifierPooling)
      const dense = net.exactLinear(pooled, "head.dense", width, width, config.raw.classifier_bias === true)
      const inner = net.activation(dense, modern.classifierActivation)
      const normed = net.layerNorm(inner, "head.norm", width, config.normEpsilon, config.raw.norm_bias === true)
      return net.exactLinear(normed, "classifier", labels, width)
    }
  }
}

/** Columns of the vocabulary that are computed at once: tokens times this many numbers exist at a time. */
const VOCABULARY_BLOCK = 1024

/**
 * [batch, vocabulary]: log(1 + relu(max over tokens of the masked-language-model logits)), SPLADE's term weights (Formal et al., 2021,
 * equation 1 with the maximum of SPLADE v2). The maximum is taken first, which is the same, since the function never decreases.
 *
 * The vocabulary is taken in blocks of rows of the output matrix, so that no [tokens, vocabulary] array exists.
 */
export function termWeights(net: Net, config: EncoderConfig, inputs: EncoderInputs, hidden: Value): Value {
  const { width, vocabulary } = config
  const names = languageHeads[config.family]
  // The bias is shared between two names, and checkpoints keep either.
  const biasName = [names.bias, names.decoder.replace(/weight$/, "bias")].find((name) => net.has(name))
  if (biasName === undefined)
    throw new RankineError(
      "model",
      `the checkpoint has no masked-language-model head (${names.bias}): it is no sparse encoder, use it as an embedder`,
    )
  const modern = config.family === "modernbert"
  const dense = net.linear(
    flatten(net, hidden, width),
    names.dense,
    width,
    width,
    !modern || config.raw.classifier_bias === true,
  )
  const active = net.activation(dense, modern ? config.modern!.classifierActivation : config.activation)
  const normed = net.layerNorm(active, names.norm, width, config.normEpsilon, !modern || config.raw.norm_bias === true)
  // Padding becomes a copy of the first token, which cannot change a maximum: cheaper than masking each logit.
  const rows = inputs.unflatten(normed, width)
  const real = net.unsqueeze(net.cast(inputs.mask, "bool"), 2)
  const filled = net.op("Where", [real, rows, net.unsqueeze(net.firstToken(rows), 1)])

  const matrix = net.has(names.decoder) ? names.decoder : names.words
  const largest = net.largestProducts(filled, matrix, [vocabulary, width], VOCABULARY_BLOCK)
  // The bias of a word is the same for all tokens, so that it may be added to the maximum.
  const biased = net.op("Add", [largest, net.weight(biasName, [vocabulary])])
  return net.op("Log", [net.op("Add", [net.op("Relu", [biased]), net.scalar(1)])])
}

interface LanguageHead {
  readonly dense: string
  readonly norm: string
  readonly bias: string
  /** The output matrix, where it is not the embeddings'. */
  readonly decoder: string
  readonly words: string
}

const robertaHead: LanguageHead = {
  dense: "lm_head.dense",
  norm: "lm_head.layer_norm",
  bias: "lm_head.bias",
  decoder: "lm_head.decoder.weight",
  words: "embeddings.word_embeddings.weight",
}

const languageHeads: Readonly<Record<EncoderFamily, LanguageHead>> = {
  bert: {
    dense: "cls.predictions.transform.dense",
    norm: "cls.predictions.transform.LayerNorm",
    bias: "cls.predictions.bias",
    decoder: "cls.predictions.decoder.weight",
    words: "embeddings.word_embeddings.weight",
  },
  roberta: robertaHead,
  mpnet: robertaHead,
  distilbert: {
    dense: "vocab_transform",
    norm: "vocab_layer_norm",
    bias: "vocab_projector.bias",
    decoder: "vocab_projector.weight",
    words: "embeddings.word_embeddings.weight",
  },
  modernbert: {
    dense: "head.dense",
    norm: "head.norm",
    bias: "decoder.bias",
    decoder: "decoder.weight",
    words: "embeddings.tok_embeddings.weight",
  },
}
