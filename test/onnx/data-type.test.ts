import { describe, expect, it } from "vitest"
import { Random } from "../../src/core/random.js"
import { coresOf, quotaOf } from "../../src/onnx/cores.js"
import { byteLength, elementCount, encodeNumbers, fromHalf, toHalf } from "../../src/onnx/data-type.js"

describe("halves", () => {
  it("come back as the same bits", () => {
    for (let half = 0; half < 65536; half++) {
      const value = fromHalf(half)
      if (Number.isNaN(value)) expect(fromHalf(toHalf(value))).toBeNaN()
      else if (toHalf(value) !== half) expect.fail(`${half} became ${value} and then ${toHalf(value)}`)
    }
  })

  it("are the nearest to a number, and the even one of two that are equally near", () => {
    const random = new Random(3, "halves")
    for (let round = 0; round < 20_000; round++) {
      const value = Math.fround(random.normal() * 2 ** (random.integer(45) - 28))
      const half = toHalf(value)
      if ((half & 0x7fff) >= 0x7bff) continue
      const error = Math.abs(fromHalf(half) - value)
      for (const other of [half - 1, half + 1]) {
        if ((other ^ half) & 0x8000 || other < 0) continue
        const otherError = Math.abs(fromHalf(other) - value)
        expect(error < otherError || (error === otherError && half % 2 === 0)).toBe(true)
      }
    }
    expect([65504, 65519.99, 65520, 1e9, -1e9].map(toHalf)).toEqual([0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00])
    expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -25, 2 ** -24].map(toHalf)).toEqual([0x3c00, 0x3c02, 0, 1])
  })
})

describe("sizes and bytes", () => {
  it("count elements and bytes, two of four bits to a byte", () => {
    expect(elementCount([])).toBe(1)
    expect(elementCount([2, 0, 3])).toBe(0)
    expect(byteLength("int64", [2, 3])).toBe(48)
    expect(byteLength("uint4", [3])).toBe(2)
  })

  it("write numbers little-endian and refuse what numbers do not say", () => {
    expect([...encodeNumbers("int64", [-2, 1n])]).toEqual([
      254, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0,
    ])
    expect([...encodeNumbers("float16", [1])]).toEqual([0, 0x3c])
    expect([...encodeNumbers("bool", [0, 5])]).toEqual([0, 1])
    expect(() => encodeNumbers("int4", [1])).toThrow(/initializer/)
  })
})

describe("cores", () => {
  const processor = (physical: number, core: number) =>
    `processor\t: 0\nphysical id\t: ${physical}\ncore id\t\t: ${core}\n`

  it("are counted once however many threads they have", () => {
    expect(coresOf([processor(0, 0), processor(0, 1), processor(0, 0), processor(1, 0)].join("\n"))).toBe(3)
    expect(coresOf("processor\t: 0\nBogoMIPS\t: 50.00\n")).toBe(Number.POSITIVE_INFINITY)
  })

  it("are limited by a container's share", () => {
    expect(quotaOf("150000 100000\n")).toBe(2)
    expect(quotaOf("max 100000\n")).toBe(Number.POSITIVE_INFINITY)
    expect(quotaOf("")).toBe(Number.POSITIVE_INFINITY)
  })
})
