/** SentencePiece's BPE: pieces with scores, spaces written as ▁, bytes for what has no piece. @module */
import type { GgufFile } from "./checkpoint/gguf-file.js"
import {
  BYTE,
  CONTROL,
  type GgufVocabulary,
  ggufList,
  idsOf,
  type TokenizerParts,
  UNKNOWN,
  USER_DEFINED,
} from "./tokenizer-gguf-vocabulary.js"

const SPACE = "▁"

/** Cut out of texts before pieces are joined, or standing for what is no piece. */
const apart: ReadonlySet<number> = new Set([CONTROL, UNKNOWN, USER_DEFINED, BYTE])

/** Throws `data` where the scores are missing. */
export function sentencePieceParts(file: GgufFile, vocabulary: GgufVocabulary): TokenizerParts {
  const { tokens, types, special } = vocabulary
  const scores = ggufList(file, "tokenizer.ggml.scores", "number", tokens.length)
  const prefixed = file.values.get("tokenizer.ggml.add_space_prefix") !== false
  const replace = { type: "Replace", pattern: { String: " " }, content: SPACE }
  const decoders = [
    { type: "Replace", pattern: { String: SPACE }, content: " " },
    { type: "ByteFallback" },
    { type: "Fuse" },
    ...(prefixed ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
  ]
  return {
    normalizer: prefixed ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: SPACE }, replace] } : replace,
    preTokenizer: null,
    decoder: { type: "Sequence", decoders },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: special.unk === undefined ? null : tokens[special.unk],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: types.includes(BYTE),
      vocab: idsOf(tokens),
      merges: mergesOf(vocabulary, scores),
    },
    addsBegin: true,
  }
}

/**
 * SentencePiece joins the two neighbours whose union has the best score; BPE follows a list of pairs. The list that does the same has
 * every way to split each piece in two pieces, in the order of the unions' scores.
 */
function mergesOf({ tokens, types }: GgufVocabulary, scores: readonly number[]): [string, string][] {
  const ids = new Map<string, number>()
  tokens.forEach((token, id) => {
    if (!apart.has(types[id]!) && !ids.has(token)) ids.set(token, id)
  })
  const found: { score: number; id: number; first: number; second: number; pair: [string, string] }[] = []
  for (const [token, id] of ids) {
    if (token.length < 2) continue
    const score = scores[id] ?? 0
    for (let at = 1; at < token.length; at++) {
      const pair: [string, string] = [token.slice(0, at), token.slice(at)]
      const first = ids.get(pair[0])
      const second = first === undefined ? undefined : ids.get(pair[1])
      if (first !== undefined && second !== undefined) found.push({ score, id, first, second, pair })
    }
  }
  found.sort((a, b) => b.score - a.score || a.id - b.id || a.first - b.first || a.second - b.second)
  return found.map(({ pair }) => pair)
}
