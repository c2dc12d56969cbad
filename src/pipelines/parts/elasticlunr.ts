import { resolve } from "node:path"
import * as z from "zod"
import {
  type ElasticlunrBuildOptions,
  type ElasticlunrLoadOptions,
  ElasticlunrRetriever,
} from "../../../retrievers/elasticlunr/index.js"
import { RankineError } from "../../core/index.js"
import { collectionOf, registerRetriever } from "../registry.js"

const schema = z.strictObject({
  index: z.string().min(1).optional().describe("An index file as elasticlunr writes it."),
  fields: z.record(z.string(), z.number().min(0)).optional().describe("Field → boost."),
  bool: z.enum(["OR", "AND"]).optional(),
  expand: z.boolean().optional(),
  ref: z.string().min(1).optional(),
  pipeline: z.array(z.string()).optional(),
  storeDocuments: z.boolean().optional(),
  titleField: z.string().min(1).optional(),
  textField: z.string().min(1).optional(),
})

export function registerElasticlunr(): void {
  registerRetriever("elasticlunr", {
    summary: "The elasticlunr library, for indexes that web pages use.",
    schema,
    build({ index, titleField, textField, ref, pipeline, storeDocuments, ...search }, context) {
      const load = defined({ titleField, textField })
      const build = defined({ ref, pipeline, storeDocuments })
      const [stray] = Object.keys(index === undefined ? load : build)
      if (stray)
        throw new RankineError(
          "configuration",
          `elasticlunr.${stray} ${index === undefined ? "is for an index that is loaded: give index, or leave it out" : "was settled when the index was built: leave it out"}`,
        )
      const options = defined(search) as ElasticlunrBuildOptions
      if (index !== undefined)
        return ElasticlunrRetriever.load(resolve(context.indexDirectory ?? ".", index), {
          ...options,
          ...load,
        } as ElasticlunrLoadOptions)
      const { signal, onProgress } = context
      return ElasticlunrRetriever.build(collectionOf(context, "elasticlunr"), {
        ...options,
        ...build,
        ...defined({ signal, onProgress }),
      } as ElasticlunrBuildOptions)
    },
  })
}

function defined<Values extends object>(values: Values): Partial<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Values>
}
