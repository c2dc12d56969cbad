/** Puts the application together: models, indexes, dialects, metrics, log. @module */
import type { Express } from "express"
import { packageVersion } from "../src/pipelines/environment.js"
import type { ServerConfig } from "./config.js"
import { dialects } from "./dialects/index.js"
import { rankineDialect } from "./dialects/rankine.js"
import { createApp } from "./http/app.js"
import type { Dialect } from "./http/route.js"
import { IndexStore } from "./indexes/index-store.js"
import { openSearchPipelines, type SearchPipeline } from "./indexes/search-pipelines.js"
import { SearchService } from "./indexes/search-service.js"
import { type Log, openLog } from "./observe/log.js"
import { openMetrics } from "./observe/metrics.js"
import { openService } from "./service.js"

/** An application with what it holds. */
export interface Assembled extends AsyncDisposable {
  readonly app: Express
  readonly log: Log
  /** From now on readiness says no. */
  drain(): void
  /** What is still under way is given up. */
  stop(): void
  /** Of this configuration only: indexes stay open for the next one. */
  releaseModels(): Promise<void>
  readonly indexes: IndexStore
}

/**
 * Loads everything that a configuration names.
 *
 * @param before the application that this one follows: its log goes on
 */
export async function assemble(
  config: ServerConfig,
  options: { readonly log?: Log } = {},
  before?: Assembled,
): Promise<Assembled> {
  const log = options.log ?? before?.log ?? openLog(config.log)
  const service = await openService(config)
  let indexes = before?.indexes
  let pipelines: SearchPipeline[]
  try {
    const names = Object.keys(config.rerankers ?? {})
    pipelines = await openSearchPipelines(config.pipelines, names, (name) => service.reranker(name))
    indexes ??= await IndexStore.open({
      data: config.data,
      built: config.indexes,
      onFailure: (index, error) => log.error({ index, code: error.code, reason: error.message }, "index not opened"),
    })
  } catch (thrown) {
    await service[Symbol.asyncDispose]()
    throw thrown
  }
  const search = new SearchService(indexes, pipelines, config.retrievers)
  const draining = new AbortController()
  const stopping = new AbortController()
  const metrics = openMetrics(service, indexes)
  const all: Dialect[] = [...dialects, rankineDialect(search)]
  const app = createApp({
    config,
    service,
    dialects: all,
    metrics,
    log,
    version: packageVersion(),
    draining: draining.signal,
    stopping: stopping.signal,
  })
  return {
    app,
    log,
    indexes,
    drain: () => draining.abort(),
    stop: () => stopping.abort(),
    releaseModels: () => Promise.resolve(service[Symbol.asyncDispose]()),
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]()
      await indexes[Symbol.asyncDispose]()
    },
  }
}
