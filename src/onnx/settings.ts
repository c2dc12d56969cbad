/** What can be set for a session, its defaults, and how ONNX Runtime wants to hear it. @module */
import { RankineError } from "../core/errors.js"
import { physicalCores } from "./cores.js"

export type Device = "cpu" | "cuda" | "webgpu"

/**
 * `auto` takes CUDA where it works and the CPU elsewhere. WebGPU is taken only when asked for by name: a Vulkan driver that
 * computes on the CPU cannot be told from a graphics card, and is many times slower than the CPU itself.
 */
export type DeviceChoice = Device | "auto"

/** Settings of one session; every one has a default that suits short texts on a CPU. */
export interface SessionSettings {
  /** Threads that one run computes with; by default the physical cores, shared among the workers. */
  readonly threads?: number
  /** Workers that hold the model, so that as many runs go side by side; each holds a copy of the weights. 1 by default. */
  readonly workers?: number
  /**
   * Threads that wait burn their processor instead of sleeping. Off by default: it makes single runs a little faster and
   * takes the processor from everything else, the program's own event loop included.
   */
  readonly spinning?: boolean
  /**
   * Keep the memory of the largest run for the next ones. Off by default: what a run took is given back when it ends.
   */
  readonly arena?: boolean
  /** Plan one block of memory per combination of input sizes seen. Off by default: texts come in many lengths. */
  readonly memoryPattern?: boolean
  /** How far ONNX Runtime rewrites the graph while it loads it; `all` by default. */
  readonly optimization?: "none" | "basic" | "extended" | "all"
  /** The folder of the files that hold the weights, for a model given as bytes. Their names in the graph are relative to it. */
  readonly externalData?: string
  /** Values for symbolic sizes that are known beforehand. */
  readonly dimensions?: Readonly<Record<string, number>>
  /** Further configuration entries of ONNX Runtime, by their full names, as `session.set_denormal_as_zero`. */
  readonly config?: Readonly<Record<string, string>>
}

/** The settings with every default filled in: what a benchmark prints. */
export type ResolvedSettings = Required<SessionSettings>

/** Fills in the defaults. Throws `argument` for counts that are none. */
export function resolveSettings(given: SessionSettings): ResolvedSettings {
  const workers = count("workers", given.workers ?? 1)
  return {
    threads: count("threads", given.threads ?? Math.max(1, Math.floor(physicalCores() / workers))),
    workers,
    spinning: given.spinning ?? false,
    arena: given.arena ?? false,
    memoryPattern: given.memoryPattern ?? false,
    optimization: given.optimization ?? "all",
    externalData: given.externalData ?? "",
    dimensions: given.dimensions ?? {},
    config: given.config ?? {},
  }
}

/** The options object of onnxruntime-node. */
export function runtimeOptions(settings: ResolvedSettings, device: Device): Record<string, unknown> {
  const spinning = settings.spinning ? "1" : "0"
  return {
    executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
    intraOpNumThreads: settings.threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: settings.optimization === "none" ? "disabled" : settings.optimization,
    enableCpuMemArena: settings.arena,
    enableMemPattern: settings.memoryPattern,
    freeDimensionOverrides: settings.dimensions,
    // Errors arrive as exceptions: written to the error stream too, they would be told twice.
    logSeverityLevel: 4,
    extra: {
      "session.intra_op.allow_spinning": spinning,
      "session.inter_op.allow_spinning": spinning,
      // Weights live as long as the session: kept out of the arena, they do not hold its blocks.
      "session.use_device_allocator_for_initializers": "1",
      ...(settings.externalData
        ? { "session.model_external_initializers_file_folder_path": settings.externalData }
        : {}),
      ...settings.config,
    },
  }
}

function count(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1)
    throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
  return value
}
