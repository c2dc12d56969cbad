import { describe, expect, it } from "vitest"
import { CliContext } from "../../src/cli/context.js"
import { formatBytes, formatCount, formatMeasure, formatSeconds, plural } from "../../src/cli/format.js"
import { progressLine } from "../../src/cli/progress.js"
import { formatPairs, formatTable } from "../../src/cli/table.js"
import { captureStreams } from "./run.js"

const context = () => new CliContext(captureStreams().streams, new AbortController().signal)

describe("numbers for people", () => {
  it("groups counts, names units", () => {
    expect(formatCount(57638)).toBe("57,638")
    expect(formatMeasure(0.67894)).toBe("0.6789")
    expect(plural(1, "query", "queries")).toBe("1 query")
    expect(plural(0, "document")).toBe("0 documents")
    expect(formatBytes(999)).toBe("999 B")
    expect(formatBytes(2_345_678)).toBe("2.3 MB")
    expect(formatBytes(412_000_000)).toBe("412 MB")
    expect(formatBytes(16.8e9)).toBe("16.8 GB")
  })

  it("chooses the unit of a duration", () => {
    expect(formatSeconds(0.00085)).toBe("850 µs")
    expect(formatSeconds(0.0123)).toBe("12.3 ms")
    expect(formatSeconds(0.25)).toBe("250 ms")
    expect(formatSeconds(4.21)).toBe("4.2 s")
    expect(formatSeconds(185)).toBe("3 min 5 s")
  })
})

describe("progress lines", () => {
  it("fills in proportion and fits the terminal", () => {
    const line = progressLine({ stage: "Indexing", done: 250, total: 1000, unit: "documents" }, 80)
    expect(line.split("█")).toHaveLength(11)
    expect(line.split("░")).toHaveLength(31)
    expect(line).toContain("250 / 1,000 documents")
    expect(progressLine({ stage: "Indexing", done: 1, total: 2, unit: "documents" }, 40).length).toBeLessThan(40)
  })

  it("counts where the total is unknown, and shows bytes in MB", () => {
    expect(progressLine({ stage: "Reading", done: 1234, unit: "documents" }, 80)).toBe("Reading  1,234 documents")
    expect(progressLine({ stage: "Fetching", done: 5e6, total: 1e7, unit: "bytes" }, 80)).toContain("5 / 10 MB")
  })
})

describe("tables", () => {
  it("lines columns up, right-aligned where asked, with no frame and no trailing blanks", () => {
    const text = formatTable(
      context(),
      ["name", { title: "score", align: "right" }],
      [
        ["a", "1.00"],
        ["bcd", "22.00"],
      ],
    )
    expect(text).toBe(["name  score", "a      1.00", "bcd   22.00"].join("\n"))
    expect(
      formatPairs(context(), [
        ["a", "1"],
        ["long", "2"],
      ]),
    ).toBe("a     1\nlong  2")
  })
})
