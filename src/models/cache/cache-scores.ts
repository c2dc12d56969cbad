import { RankineError } from "../../core/errors.js"
import type { PairScorer } from "../pair-scorer.js"
import { disposeOf, knownOf, totals } from "./cache-embeddings.js"
import { scoreCodec } from "./codecs.js"
import type { ModelCache } from "./open-cache.js"
import { namespaceOf, pairHash, textHash } from "./record.js"
import { throughCache } from "./through-cache.js"

/**
 * The same scorer, which computes no score that the cache knows; otherwise as `cacheEmbeddings`. The parts of an answer that only some
 * scorers give, such as the window of a long document, are not kept.
 */
export function cacheScores(scorer: PairScorer, cache: ModelCache): PairScorer & AsyncDisposable {
  const { name, scoreKind, fingerprint, maxLength } = scorer
  const namespace = namespaceOf("score", fingerprint)
  return {
    name,
    scoreKind,
    fingerprint,
    maxLength,
    languages: scorer.languages,
    async score(pairs, options = {}) {
      // Few queries, and few documents, that come in many pairs.
      const hashes = new Map<string, Buffer>()
      const hashOf = (text: string) => {
        let hash = hashes.get(text)
        if (!hash) hashes.set(text, (hash = textHash(text)))
        return hash
      }
      const { known, cached } = await throughCache<number>(
        {
          records: cache.records,
          codec: scoreCodec,
          count: pairs.length,
          keyOf(position) {
            const { query, document } = pairs[position]!
            for (const [side, text] of Object.entries({ query, document }))
              if (typeof text !== "string")
                throw new RankineError("argument", `the ${side} of pair ${position} is no text but ${typeof text}`)
            return Buffer.concat([namespace, pairHash(hashOf(query), hashOf(document))])
          },
          async compute(positions, run) {
            const { scores, ...rest } = await scorer.score(
              positions.map((position) => pairs[position]!),
              run,
            )
            return knownOf(scores, rest)
          },
          copy: (score) => score,
        },
        options,
      )
      return { scores: known.map(({ value }) => value), ...totals(known), cached }
    },
    [Symbol.asyncDispose]: () => disposeOf(scorer),
  }
}
