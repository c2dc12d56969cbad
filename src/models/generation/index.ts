/** Text generation and token scores with local language models and endpoints. @module */
export { allCapabilities, type Capability, requireCapability } from "./capabilities.js"
export { ChatTemplate, type ChatTemplateOptions, type RenderOptions } from "./chat-template.js"
export * from "./language-model.js"
export { type LoadLanguageModelOptions, loadLanguageModel } from "./load.js"
export { loadTextCodec } from "./load-text-codec.js"
export { LocalLanguageModel, type LocalModelOptions, type LocalModelStats } from "./local-language-model.js"
export { escapeSpecial } from "./reserved-text.js"
export { createTextCodec, type TextCodec, type TextCodecFiles } from "./text-codec.js"
