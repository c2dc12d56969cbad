import { describe, expect, it } from "vitest"
import { productOf, quotientOf, sumOf } from "../../src/onnx/dimensions.js"
import { GraphBuilder } from "../../src/onnx/graph.js"

describe("sizes that are names", () => {
  it("multiply and divide to the same name, however they were put together", () => {
    expect(productOf(["length", 2, "batch"])).toBe("2*batch*length")
    expect(productOf([productOf(["batch", 2]), "length"])).toBe("2*batch*length")
    expect(productOf([3, 4])).toBe(12)
    expect(productOf(["batch", 0])).toBe(0)
    expect(productOf(["batch", null])).toBeNull()
    expect(quotientOf(["2*batch*length"], ["length", 2])).toBe("batch")
    expect(quotientOf(["batch", 12], [4])).toBe("3*batch")
    expect(quotientOf(["batch"], ["length"])).toBeNull()
    expect(quotientOf(["batch"], [2])).toBeNull()
  })

  it("add up, a sum being one factor", () => {
    expect(sumOf([1, 2, 3])).toBe(6)
    expect(sumOf(["past", "length"])).toBe("(length+past)")
    expect(productOf([sumOf(["past", "length"]), 2])).toBe("2*(length+past)")
    expect(quotientOf([productOf([sumOf(["past", "length"]), 2])], [2])).toBe("(length+past)")
    expect(sumOf(["length", 0])).toBe("length")
    expect(sumOf(["length", null])).toBeNull()
  })

  it("are followed through computed sizes", () => {
    const graph = new GraphBuilder("sizes")
    const x = graph.input("x", "float32", ["batch", "length", 12])
    const heads = graph.reshape(x, [0, 0, 3, -1])
    expect(heads.shape).toEqual(["batch", "length", 3, 4])
    const flat = graph.reshape(heads, [-1, 4])
    expect(flat.shape).toEqual(["3*batch*length", 4])
    const sizes = graph.concat([graph.shape(x, 0, 2), graph.constant([12], "int64")], 0)
    expect(graph.reshape(flat, sizes).shape).toEqual(["batch", "length", 12])
    const length = graph.squeeze(graph.slice(graph.shape(x), [1], [2]), [0])
    const places = graph.range(graph.constant(0, "int64"), length, graph.constant(1, "int64"))
    expect(places.shape).toEqual(["length"])
    expect(graph.concat([x, x], 1).shape).toEqual(["batch", "(length+length)", 12])
  })
})
