/** The devices of this machine that tests can run on. */
import { existsSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import { modelOf } from "../../../src/onnx/ir.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import type { Device } from "../../../src/onnx/settings.js"
import { runtime } from "../helpers.js"

/** The software Vulkan driver that comes with Chromium: slow, and right. */
const chromium = "/usr/lib/chromium"
const driver = join(chromium, "vk_swiftshader_icd.json")
const loader = join(chromium, "libvulkan.so.1")

/** glibc's flag to keep a library once it was opened. */
const KEEP = 0x1000

/** Gives this process a Vulkan driver where Chromium brings one and the system names none. */
function bringVulkan(): void {
  if (process.env.VK_DRIVER_FILES !== undefined || !existsSync(driver) || !existsSync(loader)) return
  process.env.VK_DRIVER_FILES = driver
  try {
    // It is no addon, which is an error; yet from now on whoever asks for libvulkan.so.1 is given this one.
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | KEEP)
  } catch {}
}

/** Why a device cannot be tested here; undefined where it can. */
export async function whyNot(device: Device): Promise<string | undefined> {
  if (!runtime) return "onnxruntime-node is not installed"
  if (device === "cpu") return undefined
  if (device === "webgpu") bringVulkan()
  await using pool = new WorkerPool()
  return pool.device(device).then(
    () => undefined,
    (thrown: Error) => thrown.message,
  )
}

/**
 * Loads a model of one operator that stays for as long as the pool: while a session lives, its worker keeps the device, and the device the
 * programs that it has compiled, which is most of the work of small models.
 */
export async function keepDevice(device: Device, pool: WorkerPool): Promise<void> {
  const graph = new GraphBuilder("kept")
  graph.output(graph.neg(graph.input("x", "float32", [1])), "y")
  await createSession(encodeModel(modelOf(graph.graph)), { pool, device, threads: 1 })
}
