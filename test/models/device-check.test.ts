import { describe, expect, it } from "vitest"
import { type DeviceProbe, deviceDifference, openChecked, probeIds } from "../../src/models/device-check.js"
import type { Device } from "../../src/onnx/settings.js"

/** A model that gives these numbers on each device, and notes what is opened and closed. */
function probe(key: string, numbers: Partial<Record<Device, number[] | Error>>, more: object = {}) {
  const events: string[] = []
  const given: DeviceProbe<{
    device: Device
    deviceReason: string
    [Symbol.asyncDispose](): Promise<void>
  }> = {
    name: "little",
    key,
    choice: "webgpu",
    rounds: false,
    open: async (choice) => {
      const device: Device = choice === "auto" || choice === undefined ? "cuda" : choice
      events.push(`open ${device}`)
      return {
        device,
        deviceReason: "asked for",
        [Symbol.asyncDispose]: async () => void events.push(`close ${device}`),
      }
    },
    run: async ({ device }) => {
      const result = numbers[device]!
      if (result instanceof Error) throw result
      return [Float32Array.from(result)]
    },
    ...more,
  }
  return { given, events }
}

describe("the check of a device", () => {
  it("passes what differs by rounding, once for each model", async () => {
    const { given, events } = probe("rounding", { cpu: [1, -4], webgpu: [1.001, -4] })
    expect((await openChecked(given)).device).toBe("webgpu")
    expect(events).toEqual(["open webgpu", "open cpu", "close cpu"])
    expect(deviceDifference("webgpu", "rounding")).toBeCloseTo(0.001 / 4, 6)
    await openChecked(given)
    expect(events.slice(3)).toEqual(["open webgpu"])
  })

  const wrong: [string, number[] | Error][] = [
    ["other numbers", [1.1, -4]],
    ["no numbers", [Number.NaN, -4]],
    ["too few", [1]],
    ["an error", new Error("no such kernel")],
  ]
  it.each(wrong)("refuses %s by name, and lets everything go", async (what, webgpu) => {
    const { given, events } = probe(`wrong: ${what}`, { cpu: [1, -4], webgpu })
    const failure = await openChecked(given).catch((thrown) => thrown)
    expect(failure).toMatchObject({ code: "model", details: { device: "webgpu" } })
    for (const part of ["webgpu", "little", 'device "cpu"', "checkDevice: false"])
      expect(failure.message).toContain(part)
    expect(events.filter((event) => event.startsWith("open")).length).toBe(
      events.filter((event) => event.startsWith("close")).length,
    )
    expect(deviceDifference("webgpu", `wrong: ${what}`)).toBeUndefined()
  })

  it("takes the CPU where the device was no one's wish, and says why", async () => {
    const { given, events } = probe("auto", { cpu: [1, -4], cuda: [3, -4] }, { choice: "auto" })
    const model = await openChecked(given)
    expect(model.device).toBe("cpu")
    expect(model.deviceReason).toMatch(/^auto: cuda cannot be trusted with little: .*0\.50 of the largest/)
    expect(events).toEqual(["open cuda", "open cpu", "close cpu", "close cuda", "open cpu"])
  })

  it("is left out for the CPU, and where it is not wanted", async () => {
    const cpu = probe("cpu", { cpu: [1] }, { choice: "cpu" })
    await openChecked(cpu.given)
    expect(cpu.events).toEqual(["open cpu"])
    const unwanted = probe("unwanted", { cpu: [1], webgpu: [9] }, { checkDevice: false })
    expect((await openChecked(unwanted.given)).device).toBe("webgpu")
    expect(unwanted.events).toEqual(["open webgpu"])
  })

  it("reads tokens that a small vocabulary has, and no more than the model can", () => {
    const rows = probeIds(12, 4)
    expect(rows.map(({ length }) => length)).toEqual([4, 3, 4])
    expect(rows.flat().every((id) => id >= 0 && id < 12)).toBe(true)
  })
})
