/** What a prompt file may say. @module */
import { z } from "zod"

const message = z.strictObject({ role: z.string().min(1), content: z.string() })

/** One message, or messages that are repeated for every document. */
const turn = z.union([message, z.strictObject({ each: z.literal("document"), messages: z.array(message).min(1) })])

const pattern = z.string().refine((source) => {
  try {
    new RegExp(source, "su")
    return true
  } catch {
    return false
  }
}, "is not a regular expression")

const count = z.int().min(1)

export const promptSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, "use a-z, 0-9, dots and hyphens"),
  /** Where the prompt comes from. */
  source: z.string().min(1),
  /** How documents are named: 1, 2, 3 or A, B, C. */
  labels: z.enum(["number", "letter"]).default("number"),
  /** One document of `{documents}`. */
  document: z.string().default("[{label}] {text}"),
  separator: z.string().default("\n"),
  maxDocumentTokens: count.optional(),
  /** Words by white space, where a method says so; the shorter of both limits counts. */
  maxDocumentWords: count.optional(),
  maxDocumentCharacters: count.optional(),
  maxQueryTokens: count.optional(),
  /** Of the answer. */
  maxTokens: count,
  temperature: z.number().min(0).default(0),
  topP: z.number().gt(0).max(1).optional(),
  topK: z.int().min(0).optional(),
  stop: z.array(z.string().min(1)).optional(),
  messages: z.array(turn).min(1),
  /** What the answer begins with. */
  prefill: z.string().optional(),
  /** Variables of the chat template, such as enable_thinking. */
  variables: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  answer: z
    .strictObject({
      /** The answer stands within this tag. */
      tag: z
        .string()
        .regex(/^[a-z]+$/)
        .optional(),
      /** Lenient: finds each label in an answer, as its first group. */
      label: pattern.optional(),
      /** Strict: what a whole completion must look like, for rewards. */
      strict: pattern.optional(),
    })
    .default({}),
  /** Tags that mean something in the prompt or the answer; texts cannot hold them. */
  reserved: z.array(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/)).default([]),
})

export type PromptFile = z.infer<typeof promptSchema>
