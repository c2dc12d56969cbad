import { describe, expect, it } from "vitest"
import { nextTurn, turnIsOver } from "../../src/models/turns.js"

/** Keeps the processor for so many milliseconds. */
function work(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

describe("turns of the event loop", () => {
  it("shares a turn among all tasks, and gives everything else its own", async () => {
    const order: string[] = []
    let others = 0
    let goOn = true
    const ticking = (async () => {
      while (goOn) {
        await new Promise(setImmediate)
        others++
      }
    })()
    const task = async (name: string) => {
      for (let step = 0; step < 4; step++) {
        if (turnIsOver()) await nextTurn()
        work(6)
        order.push(`${name}${step}`)
      }
    }
    await Promise.all(["a", "b", "c"].map(task))
    goOn = false
    await ticking
    // Each step uses a turn up: the tasks go on one by one, in the order of asking.
    expect(order.slice(0, 7)).toEqual(["a0", "a1", "b0", "c0", "a2", "b1", "c1"])
    expect(order.length).toBe(12)
    expect(others).toBeGreaterThanOrEqual(10)
  })

  it("lets many short tasks go on in one turn", async () => {
    let turns = 0
    let goOn = true
    const ticking = (async () => {
      while (goOn) {
        await new Promise(setImmediate)
        turns++
      }
    })()
    await Promise.all(Array.from({ length: 1000 }, () => nextTurn()))
    goOn = false
    await ticking
    expect(turns).toBeLessThan(200)
  })

  it("ends a task whose signal has fired", async () => {
    await expect(nextTurn(AbortSignal.abort())).rejects.toMatchObject({ code: "aborted" })
  })
})
