import { type Document, documentText, type Query, RankineError } from "../../src/core/index.js"

/** What a model reads of queries and documents, where it was trained on more than their texts. */
export interface PairPrompts {
  /** `{query}` is the query's text. Default `{query}`. */
  readonly query?: string
  /** For queries with an instruction, `{instruction}`. Default: as `query`, without it; most models were not trained on instructions. */
  readonly instructed?: string
  /** `{document}` is title and text, joined by a space. Default `{document}`. */
  readonly document?: string
}

export interface RenderedDocument {
  readonly text: string
  /** Where in `text` the document's own text begins. */
  readonly offset: number
}

export interface PromptRenderer {
  query(query: Query): string
  document(document: Document): RenderedDocument
}

/** Throws `argument` for a prompt without the place of its text. */
export function promptRenderer(prompts: PairPrompts): PromptRenderer {
  const query = split(prompts.query ?? "{query}", "query")
  const instructed = prompts.instructed
  if (instructed !== undefined) {
    split(instructed, "query")
    split(instructed, "instruction")
  }
  const document = split(prompts.document ?? "{document}", "document")
  return {
    query({ text, instruction }) {
      if (!instruction || instructed === undefined) return query.join(text)
      // In one pass, so that braces in the texts stay what they are.
      return instructed.replace(/\{(query|instruction)\}/g, (_, name) => (name === "query" ? text : instruction))
    },
    document(given) {
      const text = documentText(given)
      return { text: document.join(text), offset: document[0].length + text.length - given.text.length }
    },
  }
}

/** The prompt before and after the place of `{name}`, which it has exactly once. */
function split(prompt: string, name: string): [before: string, after: string] {
  const parts = prompt.split(`{${name}}`)
  if (parts.length !== 2)
    throw new RankineError(
      "argument",
      `the prompt ${JSON.stringify(prompt)} must have {${name}} once: it is where the text goes`,
    )
  return parts as [string, string]
}
