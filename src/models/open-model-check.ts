/** Checks that a model is whole, set up as its makers say, and gives the numbers that it should. @module */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import { toRankineError } from "../core/errors.js"
import { openSafetensors } from "./checkpoint/safetensors.js"
import { identifyModel, type ModelInfo, type OpenedModel, type OpenModelOptions, openModel } from "./open-model.js"
import { AGAIN, type Finding } from "./open-model-finding.js"
import { compareGolden } from "./open-model-golden.js"
import { probe } from "./open-model-probe.js"
import type { RegistryEntry } from "./registry/entry.js"
import { readSentenceTransformer } from "./sentence-transformer.js"

export interface ModelCheck {
  readonly info: ModelInfo
  /** No finding is a problem. */
  readonly ok: boolean
  readonly findings: readonly Finding[]
  readonly seconds: number
}

/**
 * Loads a model and checks it: its files against the registry's entry, its numbers against those of the reference implementation, and,
 * whatever the registry knows, that the numbers are finite, differ between texts, and do not depend on what else is in a batch.
 *
 * @throws RankineError `not-found` and `model` where the model is not there, or its kind cannot be told; what is wrong with one that is
 *   there becomes a finding
 */
export async function checkModel(nameOrPath: string, options: OpenModelOptions = {}): Promise<ModelCheck> {
  const started = performance.now()
  const info = await identifyModel(nameOrPath, options)
  const findings: Finding[] = []
  try {
    findings.push(...(await compareFiles(info)))
    await using opened = await openModel(nameOrPath, options)
    findings.push(...deviceOf(opened, options))
    findings.push(...(await probe(opened)))
    findings.push(...(await compareGolden(opened, await weightType(info.folder))))
  } catch (thrown) {
    const error = toRankineError(thrown, "model")
    if (error.code === "aborted") throw error
    findings.push({ status: "problem", what: error.message, code: error.code })
  }
  const ok = findings.every(({ status }) => status !== "problem")
  return { info, ok, findings, seconds: (performance.now() - started) / 1000 }
}

/** A device other than the CPU was compared with it when the model was loaded. */
function deviceOf({ kind, model }: OpenedModel, { device, checkDevice = true }: OpenModelOptions): Finding[] {
  const where = "device" in model ? model.device : device
  if (kind === "static" || where === undefined || where === "cpu" || where === "auto" || !checkDevice) return []
  return [{ status: "ok", what: `${where} gives the numbers of the CPU` }]
}

/** Kind, settings and weights beside what the registry says. */
async function compareFiles({ folder, kind, entry, reason }: ModelInfo): Promise<Finding[]> {
  if (!entry) return [{ status: "ok", what: `${kind}, told from: ${reason}; the registry does not know this model` }]
  const findings: Finding[] = []
  if (entry.kind === kind) findings.push({ status: "ok", what: `${kind}, as the registry says` })
  else
    findings.push({
      status: "problem",
      code: "model",
      what: `the registry says ${entry.kind}, the files say ${kind} (${reason})`,
      remedy: "give the folder another name if this is another model",
    })
  if (kind === "embedder") findings.push(...(await compareSettings(folder, entry)))
  const weights = await compareWeights(folder, entry)
  return weights ? [...findings, weights] : findings
}

async function compareSettings(folder: string, entry: RegistryEntry): Promise<Finding[]> {
  const files = await readSentenceTransformer(folder)
  if (!files) return []
  const pairs: [name: string, own: unknown, known: unknown][] = [
    ["pooling", files.pooling, entry.pooling],
    ["normalize", files.normalize, entry.normalize],
    ["the longest text", files.maxLength, entry.maxLength],
    ["the prompt of queries", files.prompts.query || undefined, entry.prompts?.query],
    ["the prompt of documents", files.prompts.document || undefined, entry.prompts?.document],
  ]
  return pairs
    .filter(([, own, known]) => own !== undefined && known !== undefined && own !== known)
    .map(([name, own, known]) => ({
      status: "problem",
      code: "model",
      what: `${name} is ${JSON.stringify(own)} in the model's files and ${JSON.stringify(known)} in its makers' (${entry.source})`,
      remedy: `${AGAIN}, or correct modules.json and the files it names`,
    }))
}

/** A file of the published length with other bytes is damaged; one of another length is another form of the model. */
async function compareWeights(folder: string, entry: RegistryEntry): Promise<Finding | undefined> {
  const size = (await stat(join(folder, "model.safetensors")).catch(() => undefined))?.size
  if (!entry.weights || size === undefined) return undefined
  if (size !== entry.weights.bytes)
    return {
      status: "ok",
      what: "the weights are another form of the model than the one that the registry knows byte by byte",
    }
  const checksum = await (await openSafetensors(folder)).checksum()
  if (checksum === entry.weights.checksum) return { status: "ok", what: "the weights are those that were published" }
  return {
    status: "problem",
    code: "checksum",
    what: `model.safetensors has other bytes than the published file (${checksum} instead of ${entry.weights.checksum})`,
    remedy: AGAIN,
  }
}

/** The type that most of the weights are in; `undefined` where there are no safetensors. */
async function weightType(folder: string): Promise<string | undefined> {
  try {
    const { tensors } = await openSafetensors(folder)
    const bytes = new Map<string, number>()
    for (const { dtype, length } of tensors.values()) bytes.set(dtype, (bytes.get(dtype) ?? 0) + length)
    return [...bytes].sort(([, a], [, b]) => b - a)[0]?.[0]
  } catch {
    return undefined
  }
}
