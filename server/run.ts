/** A listening server: slow clients, connections, draining, reloading. @module */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { RankineError } from "../src/core/index.js"
import { type Assembled, assemble } from "./assemble.js"
import { parseServerConfig, type ServerInput } from "./config.js"
import type { Log } from "./observe/log.js"

export interface RunOptions {
  /** Default: pino on standard output, at the configuration's level. */
  readonly log?: Log
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /**
   * Loads what another configuration names, then answers with it; requests under way end with the old one. Address, data folder and limits of
   * connections stay as they were. Throws as `startServer`, and goes on with the old configuration then.
   */
  reload(config: ServerInput): Promise<void>
  /** Takes no more requests, lets those under way end within `shutdownSeconds`, then closes. */
  close(): Promise<void>
}

/** An application with its models, and how many requests are in it. */
interface Generation extends Assembled {
  active: number
  idle: (() => void) | undefined
}

/**
 * Loads the models and listens.
 *
 * @throws RankineError `configuration`, what loading throws, `argument` where the address is taken
 */
export async function startServer(input: ServerInput = {}, options: RunOptions = {}): Promise<RunningServer> {
  const config = parseServerConfig(input)
  const { limits } = config
  let current = generation(await assemble(config, options))
  const server = createServer(
    {
      headersTimeout: Math.min(20, limits.receiveSeconds) * 1000,
      requestTimeout: limits.receiveSeconds * 1000,
      keepAliveTimeout: 65_000,
      // How often Node looks for connections that are too slow.
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      const mine = current
      mine.active++
      response.once("close", () => {
        if (--mine.active === 0) mine.idle?.()
      })
      mine.app(request, response)
    },
  )
  server.maxConnections = limits.connections
  try {
    await listen(server, config.host, config.port)
  } catch (thrown) {
    await current[Symbol.asyncDispose]()
    throw thrown
  }
  const { port } = server.address() as AddressInfo
  const host = config.host.includes(":") ? `[${config.host}]` : config.host
  const url = `http://${host}:${port}`
  current.log.info({ url }, "listening")

  let closing: Promise<void> | undefined
  const close = async () => {
    current.drain()
    current.log.info("draining")
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeIdleConnections()
    await Promise.race([idle(current), later(config.shutdownSeconds)])
    current.stop()
    // What was told to stop still gets its answer out.
    await Promise.race([idle(current), later(1)])
    server.closeAllConnections()
    await closed
    await current[Symbol.asyncDispose]()
    current.log.info("closed")
    current.log.flush()
  }
  return {
    url,
    port,
    close: () => (closing ??= close()),
    async reload(next) {
      if (closing) throw new RankineError("argument", "the server is closing: start another one")
      const fresh = generation(await assemble(parseServerConfig(next), options, current))
      const old = current
      current = fresh
      fresh.log.info("reloaded")
      await Promise.race([idle(old), later(config.shutdownSeconds)])
      old.stop()
      await old.releaseModels()
    },
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}

function generation(assembled: Assembled): Generation {
  return Object.assign(assembled, { active: 0, idle: undefined })
}

function idle(generation: Generation): Promise<void> {
  if (generation.active === 0) return Promise.resolve()
  return new Promise((resolve) => {
    generation.idle = resolve
  })
}

/** Keeps nobody from ending: the process may leave before. */
function later(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000).unref()
  })
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === "EADDRINUSE"
          ? new RankineError("argument", `port ${port} of ${host} is taken: give another --port`, { cause })
          : new RankineError("argument", `cannot listen at ${host}:${port}: ${cause.message}`, { cause }),
      )
    })
    server.listen(port, host, () => resolve())
  })
}
