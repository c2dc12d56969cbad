// A pipeline reads like the sentence: fuse two retrievers, keep ten, rerank the first five with a stage of your own.
import { Bm25Index, cut, fallback, fuse, pipeline, sortReranked, top } from "rankine"

const documents = [
  { id: "a", title: "Install", text: "Install the package with npm and run the doctor." },
  { id: "b", title: "Upgrade", text: "Upgrade the package; install nothing twice." },
  { id: "c", title: "Uninstall", text: "How to remove the package again." },
]
const english = await Bm25Index.build(documents)
const simple = await Bm25Index.build(documents, { analyzer: "simple" })

/** Puts short documents first: a stage needs a name, what it reads, and a function from rankings to rankings. */
const shortFirst = {
  name: "short first",
  needs: "text",
  async rerank(rankings) {
    return rankings.map((ranking) => ({
      ...ranking,
      scoreKind: "ordinal",
      hits: sortReranked(ranking.hits.map((hit) => ({ ...hit, score: -hit.document.text.length }))),
    }))
  },
}

const search = pipeline(fuse(english, simple), cut(10), top(5, fallback(shortFirst)))

const [ranking] = await search.retrieve([{ id: "q", text: "install the package" }])
for (const { id, document } of ranking.hits) console.log(id, document.title)
for (const { stage, input, output, moved } of ranking.stages)
  console.log(`${stage}: ${input} in, ${output} out, ${moved} moved`)
