import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

export interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** A string is sent as it is. */
  readonly body?: unknown
  /** Never answers. */
  readonly silent?: boolean
  /** Breaks the connection off. */
  readonly broken?: boolean
}

/** A server that answers as recorded, and remembers what it was asked. */
export async function service(reply: (asked: Asked, number: number) => Reply | Promise<Reply>) {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>
    const one: Asked = { path: request.url!, headers: request.headers, body }
    asked.push(one)
    const { status = 200, headers = {}, body: answer = {}, silent, broken } = await reply(one, asked.length - 1)
    if (silent) return
    if (broken) {
      request.socket.destroy()
      return
    }
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
