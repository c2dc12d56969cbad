/** Turns an exported ONNX graph into an encoder like those that are built here: the same inputs, one output, pooled inside the graph. @module */
import { readFile, realpath, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { RankineError } from "../core/errors.js"
import type { Value } from "../onnx/ir.js"
import { encodeModel, readModel } from "../onnx/protobuf.js"
import { checksumOf } from "./checkpoint/checksum.js"
import { type BuiltEncoder, type EncoderOutput, OUTPUT } from "./encoder/build.js"
import { type EncoderConfig, parseEncoderConfig } from "./encoder/config.js"
import { readModelJson } from "./model-files.js"
import { axesAsAttributes, castNode, leaveInFile, renameValues } from "./onnx-encoder-graph.js"
import { tailOf } from "./onnx-encoder-tail.js"
import { type OnnxChoice, onnxFileNames } from "./onnx-files.js"

/** An exported encoder, ready for a session. */
export interface ImportedEncoder extends BuiltEncoder {
  /** What config.json says, as far as it matters to a graph that is there already. */
  readonly config: EncoderConfig
  /** Of the graph's file and the weights beside it. */
  readonly checksum: string
}

/** Older graphs keep axes where no tail of ours can follow. */
const OLDEST_OPSET = 13
/** From here on the axes of all reductions are inputs. */
const AXES_ARE_INPUTS = 18

const inputNames = ["input_ids", "attention_mask", "token_type_ids"]
const perToken = ["last_hidden_state", "token_embeddings"]
const perRow = ["sentence_embedding", "pooler_output"]

/** Outputs that can give what is asked for, the best first. */
const outputsFor: Readonly<Record<EncoderOutput["kind"], readonly string[]>> = {
  hidden: perToken,
  pooled: [...perToken, ...perRow.slice(0, 1)],
  logits: ["logits"],
  terms: ["logits"],
  tokens: [],
}

/** The exported graph in a model's folder, `undefined` where there is none. Throws `argument` for a choice that makes no sense. */
export async function findOnnx(folder: string, choice: OnnxChoice = {}): Promise<string | undefined> {
  for (const name of onnxFileNames(choice)) {
    const path = join(folder, name)
    if ((await stat(path).catch(() => undefined))?.isFile()) return path
  }
  return undefined
}

/**
 * Reads an exported encoder: int64 or int32 `input_ids`, `attention_mask` and perhaps `token_type_ids`; one of `last_hidden_state`,
 * `token_embeddings`, `sentence_embedding`, `logits`. Large weights stay in the file, and the session maps them from there.
 *
 * A `sentence_embedding` is taken as it is where there are no vectors of tokens: the pooling asked for is then the export's own.
 * @param folder of config.json
 * @param file an absolute path
 * @throws RankineError `data` for a file that is no ONNX model; `model` for inputs or outputs that do not fit, naming them
 */
export async function importEncoder(folder: string, file: string, output: EncoderOutput): Promise<ImportedEncoder> {
  const path = await realpath(file)
  const bytes = await readFile(path)
  const model = readModel(bytes)
  const { graph } = model
  const opset = model.opsets[""] ?? 0
  const refuse = (what: string) => new RankineError("model", `${file} ${what}`)
  if (opset < OLDEST_OPSET) throw refuse(`is written in opset ${opset}: export it with opset ${OLDEST_OPSET} or later`)
  const names = graph.inputs.map(({ name }) => name)
  if (names.some((name) => !inputNames.includes(name)) || !inputNames.slice(0, 2).every((name) => names.includes(name)))
    throw refuse(
      `has the inputs ${names.join(", ")}, where an encoder has input_ids, attention_mask and perhaps token_type_ids: ` +
        "export it for feature extraction or classification, without a cache",
    )
  const wanted = outputsFor[output.kind]
  const found = wanted.flatMap((name) => graph.outputs.filter((each) => each.name === name))[0]
  if (!found)
    throw refuse(
      `has the outputs ${graph.outputs.map(({ name }) => name).join(", ")}, where ${output.kind} needs ` +
        (wanted.length > 0 ? `${wanted.join(" or ")}: export it for that task` : "the safetensors: load those"),
    )
  const withTypes = names.includes("token_type_ids")
  const config = await configOf(folder, withTypes)

  const taken = new Set([OUTPUT, ...inputNames])
  const renamed = (name: string) => (taken.has(name) ? `export/${name}` : name)
  renameValues(graph, renamed)
  const source: Value = { ...found, name: renamed(found.name) }
  const tail = tailOf(source, perRow.includes(found.name), output, config)
  const casts = names.map((name, index) => castNode(name, renamed(name), graph.inputs[index].type ?? "int64"))
  graph.inputs = names.map((name) => ({ name, type: "int32", shape: ["batch", "length"] }))
  graph.outputs = [{ name: OUTPUT, type: "float32" }]
  graph.nodes = [
    ...casts,
    ...graph.nodes,
    ...(opset < AXES_ARE_INPUTS ? axesAsAttributes(tail.graph) : tail.graph.nodes),
  ]
  const { initializers, tensors } = leaveInFile(graph.initializers, bytes, path)
  graph.initializers = [...initializers, ...tail.graph.initializers]
  const files = [...new Set([path, ...tensors.map((tensor) => tensor.file)])]
  return {
    model: encodeModel(model),
    folder: dirname(path),
    width: tail.width,
    withTypes,
    config,
    checksum: await checksumOf(files, tensors),
  }
}

/**
 * config.json of a model whose graph need not be built: architectures that are unknown here are read by the names that most of them use.
 * `family` then means nothing.
 */
async function configOf(folder: string, withTypes: boolean): Promise<EncoderConfig> {
  const raw = (await readModelJson(folder, "config.json")) ?? {}
  try {
    const config = parseEncoderConfig(raw)
    return { ...config, tokenTypes: withTypes ? Math.max(2, config.tokenTypes) : 0 }
  } catch (thrown) {
    if (!(thrown instanceof RankineError) || thrown.code !== "model") throw thrown
  }
  const first = (...names: readonly string[]): number | undefined =>
    names.map((name) => raw[name]).find((value): value is number => typeof value === "number" && value >= 0)
  return {
    family: "bert",
    layers: first("num_hidden_layers", "n_layer", "n_layers") ?? 0,
    heads: first("num_attention_heads", "n_head", "n_heads") ?? 0,
    width: first("hidden_size", "n_embd", "dim", "d_model", "hidden_dim") ?? 0,
    intermediate: first("intermediate_size", "n_inner") ?? 0,
    // Ids are checked against it; without a size the graph's own check must do.
    vocabulary: first("vocab_size") ?? Number.MAX_SAFE_INTEGER,
    activation: "gelu",
    normEpsilon: 1e-12,
    padId: first("pad_token_id") ?? 0,
    firstPosition: 0,
    maxLength: first("max_position_embeddings", "n_positions", "max_trained_positions", "seq_length") ?? 512,
    tokenTypes: withTypes ? (first("type_vocab_size") ?? 2) : 0,
    modern: undefined,
    relativeBuckets: 0,
    raw,
  }
}
