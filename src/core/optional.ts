/** Loads optional packages, and says what to type where one is missing. @module */
import { RankineError } from "./errors.js"

/** What each optional package is for, and the command that brings it. `doctor` prints this table. */
export const optionalPackages = {
  "onnxruntime-node": {
    purpose: "runs neural models (on a machine that reaches only the registry its CUDA download is skipped)",
    install: "ONNXRUNTIME_NODE_INSTALL=skip npm i onnxruntime-node@1.30.0",
  },
  "hnswlib-node": {
    purpose: "finds approximate nearest neighbours (compiled on install: needs a C++ compiler and Python)",
    install: "npm i hnswlib-node",
  },
  usearch: {
    purpose: "finds approximate nearest neighbours in files that are mapped into memory",
    install: "npm i usearch@2.25.3",
  },
  lmdb: {
    purpose: "keeps embeddings and scores on disk",
    install: "npm i lmdb",
  },
  "@huggingface/transformers": {
    purpose: "downloads models from the hub (models in local folders need it not)",
    install: "npm i @huggingface/transformers",
  },
} as const

export type OptionalPackage = keyof typeof optionalPackages

/** Imports an optional package; throws `dependency` with the command to type where it cannot be loaded. */
export async function loadOptional<Module>(name: OptionalPackage): Promise<Module> {
  try {
    return (await import(name)) as Module
  } catch (cause) {
    const { purpose, install } = optionalPackages[name]
    throw new RankineError("dependency", `${name} is not available; it ${purpose}. Type: ${install}`, {
      cause,
      details: { package: name, install },
    })
  }
}
