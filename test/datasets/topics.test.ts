import { describe, expect, it } from "vitest"
import { parseTopics } from "../../datasets/index.js"
import { failure } from "./helpers.js"

describe("topics", () => {
  it("reads TREC's SGML without closing tags", () => {
    const text = `
<top>
<head> Tipster Topic Description
<num> Number:  051
<dom> Domain: International Economics
<title> Topic:  Airbus Subsidies

<desc> Description:
Document will discuss government assistance to Airbus.
</top>
<top>
<num> Number: 301 </num>
<title> International
 Organized Crime </title>
<desc> Description: Identify organizations.
</top>`
    expect(parseTopics(text.split("\n"), "topics")).toEqual([
      { id: "51", text: "Airbus Subsidies" },
      { id: "301", text: "International Organized Crime" },
    ])
  })

  it("reads tab-separated topics", () => {
    expect(parseTopics(["19335\tanthropological definition of environment", ""], "t")).toEqual([
      { id: "19335", text: "anthropological definition of environment" },
    ])
  })

  it.each([
    [["<top>", "<num> 1", "</top>"], /t:1: a topic without <title>/],
    [["1 a"], /t:1/],
    [["1\ta", "1\tb"], /t:2: query id 1 .* line 1/],
    [[], /no topics/],
  ])("refuses %j", async (lines, message) => {
    expect((await failure(() => parseTopics(lines, "t"))).message).toMatch(message)
  })
})
