/** The elasticlunr library as a retriever. @module */
export { type PipelineFunction, registerPipelineFunction } from "./library.js"
export * from "./retriever.js"
