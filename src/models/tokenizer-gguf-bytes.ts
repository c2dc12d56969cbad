/** Byte-level BPE: a list of merges over the bytes of words, and a rule that cuts texts into words. @module */
import { RankineError } from "../core/errors.js"
import type { GgufFile } from "./checkpoint/gguf-file.js"
import { type GgufVocabulary, ggufList, idsOf, type TokenizerParts } from "./tokenizer-gguf-vocabulary.js"

const contractions = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
const rest = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const words = (digits: string) => `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}|${rest}`
const upper = "\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}"
const lower = "\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}"
const cased =
  `[^\\r\\n\\p{L}\\p{N}]?[${upper}]*[${lower}]+|[^\\r\\n\\p{L}\\p{N}]?[${upper}]+[${lower}]*|\\p{N}|` +
  rest.replace("[\\r\\n]*", "[\\r\\n/]*")

interface Way {
  /** Applied one after the other, each to the pieces of those before. */
  readonly splits: readonly string[]
  /** GPT-2's own rule after those. */
  readonly gpt2: boolean
  /** Words that are tokens are taken whole, whatever the merges say. */
  readonly wholeWords?: boolean
  readonly composes?: boolean
  readonly addsBegin?: boolean
}

const gpt2: Way = { splits: [], gpt2: true }
const singleDigits: Way = { splits: ["\\p{N}"], gpt2: true }
const llama3: Way = { splits: [words("\\p{N}{1,3}")], gpt2: false }
const qwen2: Way = { splits: [words("\\p{N}")], gpt2: false }

/** How texts are split, by `tokenizer.ggml.pre`: the rules of the models' own tokenizers, by the names that llama.cpp gives them. */
const ways: Readonly<Record<string, Way>> = {
  "gpt-2": gpt2,
  "phi-2": gpt2,
  mpt: gpt2,
  olmo: gpt2,
  smollm: singleDigits,
  starcoder: singleDigits,
  refact: singleDigits,
  "command-r": singleDigits,
  codeshell: singleDigits,
  exaone: singleDigits,
  "minerva-7b": singleDigits,
  llama3: { ...llama3, wholeWords: true, addsBegin: true },
  "llama-v3": { ...llama3, wholeWords: true, addsBegin: true },
  "llama-bpe": { ...llama3, wholeWords: true, addsBegin: true },
  falcon3: { ...llama3, wholeWords: true, addsBegin: true },
  dbrx: llama3,
  "smaug-bpe": llama3,
  qwen2: { ...qwen2, composes: true },
  "deepseek-r1-qwen": { ...qwen2, composes: true },
  megrez: { ...qwen2, composes: true },
  stablelm2: qwen2,
  tekken: { splits: [cased], gpt2: false, wholeWords: true, addsBegin: true },
  // Where a file names no rule: what llama.cpp does then.
  default: {
    splits: [
      "[\\p{P}$+<=>^~|]+",
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
      "\\p{N}+",
      "[0-9][0-9][0-9]",
    ],
    gpt2: false,
  },
}

/** Throws `model` for a way to split texts that is not known, `data` where the merges are missing. */
export function byteLevelParts(file: GgufFile, { tokens, special }: GgufVocabulary): TokenizerParts {
  const name = file.values.get("tokenizer.ggml.pre") ?? "default"
  if (typeof name !== "string" || !Object.hasOwn(ways, name))
    throw new RankineError(
      "model",
      `${file.files[0]}: tokenizer.ggml.pre ${JSON.stringify(name)} is not supported (${Object.keys(ways).join(", ")} are)`,
    )
  const way = ways[name]!
  const merges = ggufList(file, "tokenizer.ggml.merges", "string")
  if (merges.length === 0) throw new RankineError("data", `${file.files[0]}: its metadata lacks tokenizer.ggml.merges`)
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: way.gpt2 }
  const splits = way.splits.map((Regex) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false }))
  return {
    normalizer: way.composes ? { type: "NFC" } : null,
    preTokenizer: splits.length === 0 ? bytes : { type: "Sequence", pretokenizers: [...splits, bytes] },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: way.wholeWords ?? false,
      vocab: idsOf(tokens),
      merges,
    },
    addsBegin: (way.addsBegin ?? false) && special.bos !== undefined,
  }
}
