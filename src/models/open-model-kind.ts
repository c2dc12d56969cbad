/** What a folder's own files say of its kind. @module */
import { readdir } from "node:fs/promises"
import { readModelJson } from "./model-files.js"
import type { ModelKind } from "./registry/entry.js"

export interface KindFound {
  readonly kind: ModelKind
  /** What it was told from, for people. */
  readonly reason: string
  /** False where the files fit this kind and others too: what the registry says then decides. */
  readonly certain: boolean
}

/**
 * Tells a model's kind from modules.json, the architectures of config.json, and the names of files; `undefined` where nothing tells.
 * Throws `data` for malformed files.
 */
export async function kindFromFiles(folder: string): Promise<KindFound | undefined> {
  const modules = await readModelJson(folder, "modules.json")
  if (Array.isArray(modules)) {
    const types = (modules as { type?: unknown }[]).map(({ type }) =>
      String(type).slice(String(type).lastIndexOf(".") + 1),
    )
    const reason = `modules.json names ${types.join(", ")}`
    const packages = (modules as { type?: unknown }[]).map(({ type }) => String(type).split(".")[0])
    if (types.includes("StaticEmbedding")) return { kind: "static", reason, certain: true }
    if (types.some((type) => type.startsWith("Splade") || type === "MLMTransformer"))
      return { kind: "sparse", reason, certain: true }
    if (types.some((type) => type.startsWith("MultiVector")) || packages.includes("pylate"))
      return { kind: "late-interaction", reason, certain: true }
    if (types.includes("Pooling")) return { kind: "embedder", reason, certain: true }
    // PyLate's older folders: a projection of tokens, and no pooling after it.
    if (types.includes("Dense")) return { kind: "late-interaction", reason, certain: true }
  }
  const config = (await readModelJson(folder, "config.json")) ?? {}
  const architectures = Array.isArray(config.architectures) ? config.architectures.map(String) : []
  const reason = `config.json names ${architectures.join(", ") || String(config.model_type)}`
  if (config.model_type === "model2vec" || architectures.includes("StaticModel"))
    return { kind: "static", reason, certain: true }
  const names = new Set(await readdir(folder).catch(() => [] as string[]))
  if (architectures.includes("HF_ColBERT") || names.has("artifact.metadata"))
    return { kind: "late-interaction", reason, certain: true }
  if (ends(architectures, "ForSequenceClassification")) {
    const decoder = config.is_decoder === true || decoderTypes.has(String(config.model_type))
    return { kind: decoder ? "decoder" : "cross-encoder", reason, certain: true }
  }
  if (ends(architectures, "ForConditionalGeneration") && /^m?t5$|^umt5$/.test(String(config.model_type)))
    return { kind: "t5", reason, certain: true }
  if (ends(architectures, "ForCausalLM")) return { kind: "decoder", reason, certain: true }
  if (ends(architectures, "ForMaskedLM")) return { kind: "sparse", reason, certain: false }
  if (architectures.length > 0 && ends(architectures, "Model")) return { kind: "embedder", reason, certain: false }
  const gguf = [...names].find((name) => name.endsWith(".gguf"))
  if (gguf !== undefined) return { kind: "decoder", reason: `there is ${gguf}`, certain: false }
  return undefined
}

const decoderTypes: ReadonlySet<string> = new Set([
  "llama",
  "qwen2",
  "qwen3",
  "mistral",
  "gemma",
  "gemma2",
  "gemma3_text",
])

function ends(names: readonly string[], ending: string): boolean {
  return names.some((name) => name.endsWith(ending))
}
