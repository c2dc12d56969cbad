import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { createAdamW } from "../../src/lowrank/index.js"

interface Case {
  readonly learningRate: number
  readonly betas: [number, number]
  readonly epsilon: number
  readonly weightDecay: number
  readonly start: number[]
  readonly gradients: number[][]
  readonly after: number[][]
}
const { cases } = JSON.parse(readFileSync(new URL("fixtures/adamw.json", import.meta.url), "utf8")) as { cases: Case[] }

describe("AdamW", () => {
  it.each(cases)(
    "goes where torch.optim.AdamW goes: $learningRate, $betas",
    ({ start, gradients, after, ...options }) => {
      for (const [kind, tolerance] of [
        [Float64Array, 1e-13],
        [Float32Array, 1e-6],
      ] as const) {
        const optimizer = createAdamW(options)
        const data = kind.from(start)
        gradients.forEach((gradient, step) => {
          optimizer.step([{ name: "p", dims: [6], data }], { p: kind.from(gradient) })
          after[step]!.forEach((value, at) => {
            expect(Math.abs(data[at]! - value), `step ${step}`).toBeLessThan(tolerance)
          })
        })
        expect(optimizer.steps).toBe(gradients.length)
      }
    },
  )

  it("begins with a step of the learning rate against the sign, and decays apart from it", () => {
    const data = Float64Array.of(2, -3, 5)
    createAdamW({ learningRate: 0.1, weightDecay: 0.5, epsilon: 0 }).step([{ name: "p", dims: [3], data }], {
      p: Float64Array.of(7, -0.001, 1e-9),
    })
    ;[2 * 0.95 - 0.1, -3 * 0.95 + 0.1, 5 * 0.95 - 0.1].forEach((value, at) => {
      expect(data[at]).toBeCloseTo(value, 12)
    })
  })

  it("goes on from its state, and leaves parameters without a gradient alone", () => {
    const [whole, parts] = [Float32Array.of(1, 2), Float32Array.of(1, 2)]
    const gradients = [Float32Array.of(0.3, -2), Float32Array.of(1, 1), Float32Array.of(-4, 0.5)]
    const straight = createAdamW()
    let optimizer = createAdamW()
    for (const gradient of gradients) {
      straight.step([{ name: "p", dims: [2], data: whole }], { p: gradient })
      optimizer.step([{ name: "p", dims: [2], data: parts }], { p: gradient })
      optimizer = createAdamW({ state: optimizer.state() })
    }
    expect(parts).toEqual(whole)
    optimizer.step([{ name: "q", dims: [2], data: parts }], {})
    expect(parts).toEqual(whole)
    expect(optimizer.stateBytes()).toBe(16)
    expect(() => createAdamW().step([{ name: "p", dims: [2], data: parts }], { p: Float32Array.of(1) })).toThrow(
      /2 numbers/,
    )
    expect(() => createAdamW({ betas: [1, 0.9] })).toThrow(/betas/)
  })
})
