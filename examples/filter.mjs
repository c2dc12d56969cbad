// Filters on metadata apply before the top k are taken: as many hits as asked for, all of them fitting.
import { Bm25Index } from "rankine"

const index = await Bm25Index.build([
  { id: "1", text: "Release notes of the search engine", metadata: { year: 2021, lang: "en", tags: ["release"] } },
  { id: "2", text: "The search engine, a tutorial", metadata: { year: 2023, lang: "en", tags: ["guide", "search"] } },
  { id: "3", text: "Search engine internals", metadata: { year: 2024, lang: "en", tags: ["search"] } },
  { id: "4", text: "Suchmaschine und search engine", metadata: { year: 2024, lang: "de", tags: ["search"] } },
])

const filters = {
  "since 2023": { year: { $gte: 2023 } },
  "English guides": { lang: "en", tags: "guide" },
  "German, or before 2022": { $or: [{ lang: "de" }, { year: { $lt: 2022 } }] },
  "a function": ({ id, metadata }) => Number(id) % 2 === 0 && metadata.year !== 2023,
}
for (const [name, filter] of Object.entries(filters)) {
  const [ranking] = await index.retrieve([{ id: "q", text: "search engine" }], { topK: 2, filter })
  console.log(`${name}: ${ranking.hits.map(({ id }) => id).join(", ")}`)
}
