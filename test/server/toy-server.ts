import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { pino } from "pino"
import { parseServerConfig, type ServerInput } from "../../server/config.js"
import { createApp } from "../../server/http/app.js"
import type { Dialect } from "../../server/http/route.js"
import { openMetrics } from "../../server/observe/metrics.js"
import type { Service } from "../../server/service-types.js"
import { noUsage } from "../../src/core/index.js"

/** A service that ranks by length, the longest first; parts of it can be replaced. */
export function toyService(parts: Partial<Service> = {}): Service {
  return {
    models: [{ name: "toy", task: "rerank" }],
    since: 0,
    rerank: async ({ documents, topN }) => ({
      model: "toy",
      results: documents
        .map(({ text }, index) => ({ index, score: text.length / 100 }))
        .sort((left, right) => right.score - left.score || left.index - right.index)
        .slice(0, topN),
      scoreKind: "probability",
      status: "ranked",
      warnings: [],
      usage: { ...noUsage, promptTokens: 7 },
      timings: { total: 0.5, queue: 0.25, inference: 0.125 },
    }),
    embed: async ({ texts }) => ({
      model: "toy",
      vectors: texts.map((text) => Float32Array.of(text.length, 1)),
      tokens: texts.length,
      truncated: [],
      timings: { total: 0 },
    }),
    check: async () => {},
    ...parts,
  }
}

export interface ToyServer extends AsyncDisposable {
  readonly url: string
  readonly server: Server
  readonly lines: string[]
  readonly draining: AbortController
}

export async function toyServer(
  dialects: readonly Dialect[],
  input: ServerInput = {},
  service: Service = toyService(),
): Promise<ToyServer> {
  const lines: string[] = []
  const draining = new AbortController()
  const app = createApp({
    config: parseServerConfig(input),
    service,
    dialects,
    metrics: openMetrics({ queues: () => [] }),
    log: pino({}, { write: (line: string) => void lines.push(line) }),
    version: "0.0.0",
    draining: draining.signal,
    stopping: new AbortController().signal,
  })
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    lines,
    draining,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What `fetch` gives, read: status, headers and JSON, or text where there is none. */
export async function ask(url: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    ...(body === undefined ? {} : { method: "POST", body: raw(body) }),
    headers: { "content-type": "application/json", ...headers },
  })
  const text = await response.text()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status: response.status, headers: response.headers, text, json: json as Record<string, unknown> }
}

function raw(body: unknown): string | Uint8Array<ArrayBuffer> {
  if (typeof body === "string" || body instanceof Uint8Array) return body as string
  return JSON.stringify(body)
}
