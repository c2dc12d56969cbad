/** Rerankers that others host: Cohere, Jina, Voyage, Mixedbread. @module */
export { hosted } from "./hosted.js"
export type { HostedOptions } from "./hosted-options.js"
export { type HostedProvider, type HostedProviderName, hostedProviders } from "./providers.js"
export type { RateLimits } from "./rate-limit.js"
