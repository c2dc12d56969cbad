/** What a registry's entry may say of a model, checked when it is read. @module */
import { z } from "zod"

/** How a model is used: which loader opens it. */
export const modelKinds = [
  "static",
  "embedder",
  "sparse",
  "cross-encoder",
  "late-interaction",
  "t5",
  "decoder",
] as const

export type ModelKind = (typeof modelKinds)[number]

const side = z.enum(["query", "document"])
const name = z.string().min(1)

/** A text and the first components of its vector, as the reference implementation gives them. */
const goldenVector = z.strictObject({ text: z.string(), side, begins: z.array(z.number()).min(1) })

/** A query, a document, and the score of the pair: the dot product of their vectors, or what a cross-encoder says. */
const goldenPair = z.strictObject({ query: z.string(), document: z.string(), score: z.number() })

/** A text, how many terms it has, and the weights of some of them, by id. */
const goldenTerms = z.strictObject({
  text: z.string(),
  side,
  count: z.int().min(1),
  weights: z.record(z.string().regex(/^\d+$/), z.number()),
})

const golden = z.strictObject({
  /** What computed the numbers. */
  by: name,
  /** The type of the weights that they were computed from, as safetensors names it: those of another precision give other numbers. */
  of: z.enum(["F32", "F16", "BF16", "I8"]),
  /** Largest difference of a component, score or weight in float32. */
  tolerance: z.number().positive(),
  /** Texts are cut here, as they were when the numbers were computed. */
  maxLength: z.int().min(1).optional(),
  vectors: z.array(goldenVector).default([]),
  pairs: z.array(goldenPair).default([]),
  terms: z.array(goldenTerms).default([]),
})

export const registryEntry = z.strictObject({
  /** The short name. */
  name,
  kind: z.enum(modelKinds),
  /** The repository's name on the hub, `organisation/name`. */
  repository: z
    .string()
    .regex(/^[\w.-]+\/[\w.-]+$/)
    .optional(),
  aliases: z.array(name).default([]),
  pooling: z.enum(["cls", "mean", "max", "last", "mean-sqrt-length", "weighted-mean"]).optional(),
  normalize: z.boolean().optional(),
  /** What is put before a text. */
  prompts: z.strictObject({ query: z.string().default(""), document: z.string().default("") }).optional(),
  /** A whole prompt with the places `{query}`, `{document}` and, where the model is told what to look for, `{instruction}`. */
  template: z.string().includes("{query}").includes("{document}").optional(),
  /** The instruction where the caller gives none. */
  instruction: z.string().optional(),
  /** The words whose logits are compared: the first says relevant, the second not. */
  answers: z.tuple([name, name]).optional(),
  /** What turns a cross-encoder's logit into its score. */
  activation: z.enum(["identity", "sigmoid", "softmax"]).optional(),
  /** Tokens in front of queries and documents of a late-interaction model. */
  markers: z.strictObject({ query: name, document: name }).optional(),
  dimension: z.int().min(1).optional(),
  /** Tokens, special ones included. */
  maxLength: z.int().min(1).optional(),
  /** ISO 639 codes; `multilingual` where the makers promise many and do not list them. */
  languages: z.array(name).min(1).optional(),
  /** The SPDX identifier. */
  license: name.optional(),
  /** Where the facts were read. */
  source: name,
  /** The published file of weights: another file of the same length is damaged. */
  weights: z.strictObject({ bytes: z.int().min(1), checksum: name }).optional(),
  golden: golden.optional(),
})

/** A model as the registry knows it. */
export type RegistryEntry = z.output<typeof registryEntry>

/** The same as it is written. */
export type RegistryEntryInput = z.input<typeof registryEntry>
