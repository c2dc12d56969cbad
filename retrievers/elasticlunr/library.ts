import { createRequire } from "node:module"

/** The parts of elasticlunr 0.9.5 that are used here. Declared by hand, so that its types are no dependency of ours. */
export interface Library {
  readonly version: string
  readonly Index: { new (): LibraryIndex; load(data: unknown): LibraryIndex }
  readonly Pipeline: {
    registerFunction(fn: PipelineFunction, label: string): void
    getRegisteredFunction(label: string): PipelineFunction | null
  }
  tokenizer(text: string | undefined): string[]
}

export type PipelineFunction = (token: string, position: number, tokens: string[]) => string | undefined | null

export interface LibraryIndex {
  readonly pipeline: {
    add(...functions: PipelineFunction[]): void
    run(tokens: string[]): string[]
    toJSON(): string[]
  }
  readonly documentStore: {
    docs: Record<string, StoredDocument | null>
    length: number
    isDocStored(): boolean
    addFieldLength(ref: string, field: string, length: number): void
    getFieldLength(ref: string, field: string): number
  }
  readonly index: Record<string, InvertedIndex>
  addField(name: string): this
  setRef(name: string): this
  saveDocument(save: boolean): this
  getFields(): string[]
  idf(term: string, field: string): number
  search(query: string, config: SearchConfig): { ref: string; score: number }[]
  toJSON(): unknown
}

export interface InvertedIndex {
  addToken(token: string, posting: { ref: string; tf: number }): void
  getDocs(token: string): Record<string, { tf: number }>
  expandToken(token: string): string[]
}

export interface SearchConfig {
  readonly fields: Record<string, { boost: number; bool: "OR" | "AND"; expand: boolean }>
}

export type StoredDocument = Record<string, unknown>

/**
 * A private copy of the library. Its stop words, separator and registered functions are global to a copy and not stored in an index:
 * if the host program changed them in the copy that it imports itself, our indexes would silently tokenise otherwise than they were built.
 */
function loadPrivateCopy(): Library {
  const require = createRequire(import.meta.url)
  const path = require.resolve("elasticlunr")
  const shared = require.cache[path]
  // The library assigns to an undeclared variable `lunr` and so makes a global of it.
  const hadLunr = Object.hasOwn(globalThis, "lunr")
  const globals = globalThis as { lunr?: unknown }
  const lunr = globals.lunr
  delete require.cache[path]
  try {
    return require(path) as Library
  } finally {
    if (shared) require.cache[path] = shared
    else delete require.cache[path]
    if (hadLunr) globals.lunr = lunr
    else delete globals.lunr
  }
}

export const library: Library = loadPrivateCopy()

/** Makes a pipeline function known under a label, so that indexes that name it can be built and loaded. */
export function registerPipelineFunction(label: string, fn: PipelineFunction): void {
  library.Pipeline.registerFunction(fn, label)
}
