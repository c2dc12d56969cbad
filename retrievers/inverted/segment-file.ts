/** Writes and reads the postings, dictionaries, lengths and ids of a segment. @module */

import type { DocumentRows } from "../storage/document-rows.js"
import { IdTable } from "../storage/id-table.js"
import { bytesOf, openSections, type Section, type SectionReader, writeSections } from "../storage/section-file.js"
import { Arena } from "./kernel.js"
import { type FieldPostings, Segment } from "./segment.js"
import { TermTable } from "./term-table.js"

export async function writeSegment(path: string, segment: Segment): Promise<void> {
  const ids = segment.ids.parts()
  const sections: Section[] = [
    { name: "ids", bytes: ids.bytes },
    { name: "ids.starts", bytes: bytesOf(ids.starts) },
    { name: "fields", bytes: bytesOf(Uint32Array.of(segment.fields.length)) },
  ]
  segment.fields.forEach((field, index) => {
    const { slots, starts, units } = field.terms.parts()
    const count = field.starts[field.starts.length - 1]!
    const add = (name: string, array: ArrayBufferView) =>
      sections.push({ name: `${index}.${name}`, bytes: bytesOf(array) })
    add("terms.slots", slots)
    add("terms.starts", starts)
    add("terms.units", units)
    add("starts", field.starts)
    add("lengths", field.lengths)
    add("aside.keys", Float64Array.from(field.aside.keys()))
    add("aside.values", Uint32Array.from(field.aside.values()))
    sections.push({
      name: `${index}.postings`,
      bytes: () => segment.arena.u8.subarray(field.address, field.address + 4 * count),
    })
  })
  await writeSections(path, sections)
}

export async function readSegment(
  path: string,
  documents: DocumentRows | undefined,
  deleted: Uint8Array | undefined,
): Promise<Segment> {
  const file = await openSections(path)
  try {
    const ids = IdTable.fromBytes(await file.read("ids"), await words(file, "ids.starts"))
    const count = (await words(file, "fields"))[0]!
    let bytes = 16 * count
    for (let index = 0; index < count; index++) bytes += file.length(`${index}.postings`)
    const arena = new Arena(bytes)
    const fields: FieldPostings[] = []
    for (let index = 0; index < count; index++) fields.push(await readField(file, index, arena))
    return new Segment({ ids, fields, arena, documents, ...(deleted ? { deleted } : {}) })
  } finally {
    await file.close()
  }
}

async function readField(file: SectionReader, index: number, arena: Arena): Promise<FieldPostings> {
  const units = await file.read(`${index}.terms.units`)
  const terms = new TermTable({
    slots: await words(file, `${index}.terms.slots`),
    starts: await words(file, `${index}.terms.starts`),
    units: new Uint16Array(units.buffer, units.byteOffset, units.length / 2),
  })
  const keys = await file.read(`${index}.aside.keys`)
  const values = await words(file, `${index}.aside.values`)
  const aside = new Map(Array.from(new Float64Array(keys.buffer), (key, i) => [key, values[i]!]))
  const length = file.length(`${index}.postings`)
  const address = arena.allocate(length)
  await file.read(`${index}.postings`, arena.u8.subarray(address, address + length))
  return {
    terms,
    starts: await words(file, `${index}.starts`),
    address,
    lengths: await words(file, `${index}.lengths`),
    aside,
  }
}

async function words(file: SectionReader, name: string): Promise<Uint32Array> {
  const bytes = await file.read(name)
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}
