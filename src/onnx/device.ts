/** Where a model runs, and how that is found out: by running a model of one node there. @module */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { RankineError, toRankineError } from "../core/errors.js"
import { type Device, type DeviceChoice, resolveSettings, runtimeOptions } from "./settings.js"
import type { Tensor } from "./tensor.js"
import type { WorkerThread } from "./worker-thread.js"

export interface ChosenDevice {
  readonly device: Device
  /** Why this one, in a sentence; names what failed where a better one was tried. */
  readonly reason: string
}

const help: Readonly<Record<Device, string>> = {
  cpu: "",
  cuda:
    "CUDA needs Linux on x64, an NVIDIA driver, CUDA 12 with cuDNN 9, and the files that onnxruntime-node downloads when it is installed. " +
    "With an open network, type: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node",
  webgpu: "WebGPU needs a graphics driver (Vulkan on Linux, Metal on macOS, Direct3D 12 on Windows)",
}

/** Chooses a device on this worker. Throws `dependency` when one was asked for by name and does not work. */
export async function chooseDevice(thread: WorkerThread, choice: DeviceChoice, runtime: string): Promise<ChosenDevice> {
  if (choice === "cpu") return { device: "cpu", reason: "asked for" }
  if (choice !== "auto" && !(choice in help))
    throw new RankineError("argument", `no device ${String(choice)}; there are cpu, cuda, webgpu and auto`)
  const device = choice === "auto" ? "cuda" : choice
  const failure = await whyNot(thread, device, runtime)
  if (failure === undefined) return { device, reason: choice === "auto" ? "auto: CUDA works" : "asked for" }
  if (choice === "auto") return { device: "cpu", reason: `auto: no CUDA (${failure})` }
  throw new RankineError(
    "dependency",
    `${device} was asked for and does not work here (${failure}). ${help[device]}; or ask for device "cpu" or "auto"`,
    { details: { device } },
  )
}

/** Why a device does not work, or undefined where it does. */
async function whyNot(thread: WorkerThread, device: Device, runtime: string): Promise<string | undefined> {
  const backends = await thread.call<string[]>({ kind: "backends" }).reply
  if (!backends.includes(device)) return "onnxruntime-node has no such device on this system"
  // Asking ONNX Runtime to load files that are not there makes it write to the error stream.
  if (device === "cuda" && process.platform === "linux" && !existsSync(cudaLibrary(runtime)))
    return "its CUDA files were not downloaded when onnxruntime-node was installed"
  try {
    await probe(thread, device)
    return undefined
  } catch (thrown) {
    return inShort(toRankineError(thrown).message)
  }
}

function cudaLibrary(runtime: string): string {
  const folder = join(dirname(runtime), "../bin/napi-v6/linux", process.arch)
  return join(folder, "libonnxruntime_providers_cuda.so")
}

const PROBE = -1

/** Adds two numbers on the device, and only there. */
async function probe(thread: WorkerThread, device: Device): Promise<void> {
  // Loaded here, so that a session on the CPU does without the graph builder and its protobuf messages.
  const { GraphBuilder } = await import("./graph.js")
  const graph = new GraphBuilder("probe")
  const x = graph.input("x", "float32", [2])
  graph.output(graph.add(x, x), "y")
  const settings = resolveSettings({
    threads: 1,
    optimization: "none",
    config: { "session.disable_cpu_ep_fallback": "1" },
  })
  const options = { ...runtimeOptions(settings, device), executionProviders: [device] }
  await thread.call({ kind: "create", session: PROBE, model: graph.toModel(), options }).reply
  try {
    const feeds = { x: { type: "float32", dims: [2], data: Float32Array.of(1, -3) } }
    const { y } = await thread.call<{ y: Tensor }>({ kind: "run", session: PROBE, feeds, outputs: ["y"], options: {} })
      .reply
    if (y.data[0] !== 2 || y.data[1] !== -6)
      throw new RankineError("model", `adding on ${device} gave ${y.data.join(", ")}`)
  } finally {
    await thread.call({ kind: "release", session: PROBE }).reply
  }
}

/** The sentence for people: without ONNX Runtime's own file, line and condition in front, and without what follows on other lines. */
function inShort(message: string): string {
  return message
    .split("\n")[0]!
    .replace(/^\S*onnxruntime\S* .* was false\. /, "")
    .slice(0, 300)
}
