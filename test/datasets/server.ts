import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll } from "vitest"

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

export interface TestServer {
  readonly url: string
  /** What was asked for, in order. */
  readonly requests: { path: string; range: string | undefined; ifRange: string | undefined }[]
  close(): Promise<void>
}

/** A server on 127.0.0.1; `answer` is called with the number of the request, from 0. */
export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, number: number) => void,
): Promise<TestServer> {
  const requests: TestServer["requests"] = []
  const server = createServer((request, response) => {
    const { range } = request.headers
    const ifRange = request.headers["if-range"] as string | undefined
    requests.push({ path: request.url ?? "", range, ifRange })
    answer(request, response, requests.length - 1)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** Sends `bytes`, the range asked for where `etag` still holds; ends the connection after `cutAfter` bytes of it. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  options: { etag?: string; ranges?: boolean; cutAfter?: number } = {},
): void {
  const { etag, ranges = true, cutAfter } = options
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")
  const ifRange = request.headers["if-range"]
  const start = match && ranges && (ifRange === undefined || ifRange === etag) ? Number(match[1]) : 0
  if (start >= bytes.length && start > 0) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end()
    return
  }
  const body = bytes.subarray(start)
  response.writeHead(start > 0 ? 206 : 200, {
    "content-length": body.length,
    ...(etag ? { etag } : {}),
    ...(start > 0 ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
  })
  if (cutAfter === undefined) response.end(body)
  else response.write(body.subarray(0, cutAfter), () => setTimeout(() => response.destroy(), 20))
}
