import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as z from "zod"
import { type RunningServer, startServer } from "../../server/run.js"
import { withFolder } from "./fuzz-folder.js"

/** More with RANKINE_FUZZ_RUNS=10000. */
const RUNS = Number(process.env.RANKINE_FUZZ_RUNS ?? 1000)

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: unknown
  readonly items?: Schema
}

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema?: Schema }>> }>>
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const words = fc.constantFrom(
  "birds",
  "sleep",
  "swift",
  "",
  " ",
  "\0",
  "é",
  "漢字",
  "🏳️‍🌈",
  "\ud800",
  "'; --",
  "[CLS]",
  "default",
  "notes",
)
const texts = fc.oneof(
  words,
  fc.array(words, { maxLength: 20 }).map((some) => some.join(" ")),
  fc.string({ unit: "binary", maxLength: 40 }),
)
const numbers = fc.oneof(
  fc.integer({ min: -3, max: 20 }),
  fc.constantFrom(0, -1, 1e9, 2 ** 53, 1e308, 0.5, -0),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const anything = fc.oneof(texts, numbers, fc.boolean(), fc.constant(null), fc.jsonValue({ maxDepth: 4 }))

/** Values that a schema takes, and now and then one that it does not. */
function valuesOf(
  schema: Schema | undefined,
  all: Document["components"]["schemas"],
  depth = 0,
): fc.Arbitrary<unknown> {
  const fitting = (): fc.Arbitrary<unknown> => {
    if (!schema || depth > 6) return anything
    if (schema.$ref) return valuesOf(all[schema.$ref.split("/").at(-1)!], all, depth + 1)
    const choices = schema.anyOf ?? schema.oneOf
    if (choices) return fc.oneof(...choices.map((each) => valuesOf(each, all, depth + 1)))
    if (schema.enum) return fc.constantFrom(...schema.enum)
    if (schema.const !== undefined) return fc.constant(schema.const)
    if (Array.isArray(schema.type))
      return fc.oneof(...schema.type.map((type: string) => valuesOf({ ...schema, type }, all, depth + 1)))
    switch (schema.type) {
      case "string":
        return texts
      case "integer":
        return fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) }, numbers)
      case "number":
        return numbers
      case "boolean":
        return fc.boolean()
      case "null":
        return fc.constant(null)
      case "array":
        return fc.array(valuesOf(schema.items, all, depth + 1), { maxLength: 6 })
      case "object": {
        const entries = Object.entries(schema.properties ?? {})
        const record = fc.record(
          Object.fromEntries(entries.map(([name, each]) => [name, valuesOf(each, all, depth + 1)])),
          { requiredKeys: [...(schema.required ?? [])] },
        )
        if (!schema.additionalProperties) return record
        return fc
          .tuple(record, fc.dictionary(texts, anything, { maxKeys: 2 }))
          .map(([own, more]) => ({ ...more, ...own }))
      }
      default:
        return anything
    }
  }
  return fc.oneof({ weight: 24, arbitrary: fitting() }, { weight: 1, arbitrary: anything })
}

/** A body as text: mostly JSON, now and then cut, doubled or with a key that reaches into prototypes. */
function bodies(values: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const json = values.map((value) => JSON.stringify(value) ?? "")
  return fc.oneof(
    { weight: 30, arbitrary: json },
    { weight: 1, arbitrary: fc.tuple(json, fc.nat(200)).map(([text, at]) => text.slice(0, at)) },
    { weight: 1, arbitrary: json.map((text) => text + text) },
    { weight: 1, arbitrary: json.map((text) => text.replace("{", '{"__proto__": {"a": 1},')) },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  )
}

const folder = withFolder("rankine-fuzz-")

describe("requests made from the API's own description", () => {
  let server: RunningServer
  let document: Document
  beforeAll(async () => {
    server = await startServer({ port: 0, log: "silent", data: folder() })
    document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document
    const notes = [{ id: "a", text: "Swifts sleep while they fly.", metadata: { year: 2020 } }]
    await fetch(`${server.url}/v1/indexes/notes/documents`, {
      method: "POST",
      body: JSON.stringify({ documents: notes }),
    })
  })
  afterAll(() => server.close())

  it(
    `${RUNS} of them end without a 5xx, and as described`,
    async () => {
      const { paths, components } = document
      const operations = Object.entries(paths).flatMap(([path, methods]) =>
        Object.entries(methods).flatMap(([method, operation]) =>
          operation.responses ? [{ path, method, operation }] : [],
        ),
      )
      expect(operations.length).toBeGreaterThan(20)
      const requests = fc.oneof(
        ...operations.map(({ path, method, operation }) => {
          const content = Object.values(operation.requestBody?.content ?? {})[0]
          return fc.record({
            path: fc
              .oneof(fc.constantFrom("notes", "other", "default"), texts)
              .map((name) => path.replace(/\{\w+\}/, encode(name))),
            method: fc.constant(method),
            described: fc.constant(operation),
            body: content ? bodies(valuesOf(content.schema, components.schemas)) : fc.constant(undefined),
          })
        }),
      )
      const statuses = new Map<number, number>()
      let checked = 0
      const checks = new Map<unknown, z.ZodType>()
      await fc.assert(
        fc.asyncProperty(requests, async ({ path, method, described, body }) => {
          const response = await fetch(server.url + path, {
            method: method.toUpperCase(),
            ...(body === undefined ? {} : { body }),
          })
          const text = await response.text()
          statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
          expect([response.status, text.slice(0, 300)]).toEqual([
            expect.toSatisfy((status: number) => status < 500),
            text.slice(0, 300),
          ])
          expect(text).not.toMatch(/ {4}at |node_modules|TypeError/)
          const kind = response.headers.get("content-type")?.split(";")[0] ?? ""
          const schema = described.responses[response.status]?.content?.[kind]?.schema
          if (response.status >= 300 || kind !== "application/json" || !schema) return
          let check = checks.get(schema)
          if (!check) {
            // References are looked up in the schema's own definitions.
            const whole = JSON.stringify({ ...schema, $defs: components.schemas }).replaceAll(
              "#/components/schemas/",
              "#/$defs/",
            )
            checks.set(schema, (check = z.fromJSONSchema(JSON.parse(whole))))
          }
          checked++
          const result = check.safeParse(JSON.parse(text))
          expect([path, result.error?.issues ?? []]).toEqual([path, []])
        }),
        { numRuns: RUNS, ...(process.env.RANKINE_FUZZ_SEED ? { seed: Number(process.env.RANKINE_FUZZ_SEED) } : {}) },
      )
      console.log(
        `answers by status: ${[...statuses].map(([status, count]) => `${status} ${count}`).join(", ")}; ${checked} answers checked`,
      )
      expect(checked).toBeGreaterThan(RUNS / 20)
    },
    120_000 + RUNS * 200,
  )
})

/** A name that stays one part of the path. */
function encode(name: string): string {
  const safe = encodeURIComponent(name.toWellFormed())
  return safe === "" || safe === "." || safe === ".." ? "x" : safe
}
