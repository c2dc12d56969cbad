/** What is known of models by name: kinds, prompts, languages, golden scores. @module */
export { type ModelKind, modelKinds, type RegistryEntry, type RegistryEntryInput, registryEntry } from "./entry.js"
export { languageMismatch, warnLanguage } from "./languages.js"
export { loadRegistry, type ModelRegistry, parseRegistry, type RegistryOptions } from "./registry.js"
