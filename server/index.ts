/** The HTTP server: every rerank dialect in front of the models of this process. @module */
export { type Assembled, assemble } from "./assemble.js"
export { parseServerConfig, readServerConfig, type ServerConfig, type ServerInput, serverSchema } from "./config.js"
export type { Answer, Dialect, ErrorAnswer, InvalidRequest, RouteSpec } from "./http/route.js"
export { type RunningServer, type RunOptions, startServer } from "./run.js"
export type * from "./service-types.js"
