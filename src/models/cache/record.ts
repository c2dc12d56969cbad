/** What the cache writes: keys of fixed length, and records that prove themselves when they are read. @module */
import { createHash } from "node:crypto"
import { crc32 } from "node:zlib"

/** What a model said of one text or pair. */
export interface Known<Value> {
  readonly value: Value
  /** Tokens that the model read for it; `undefined` where it did not say. */
  readonly length: number | undefined
  readonly truncated: boolean
}

/** How values of one kind become bytes. */
export interface Codec<Value> {
  encode(value: Value): Uint8Array
  /** `bytes` is the reader's own; `undefined` for bytes that are no such value. */
  decode(bytes: Uint8Array<ArrayBuffer>): Value | undefined
}

/** 16 bytes for what was asked, after 16 for who was asked; 128 bits of SHA-256 each. */
export const KEY_BYTES = 32

/** The first half of a key: the kind of answer, the model with its settings, and the side of the text. */
export function namespaceOf(kind: string, fingerprint: string, side = ""): Buffer {
  return half(createHash("sha256").update(JSON.stringify([kind, fingerprint, side])))
}

/** The second half of a key. Texts that differ in anything have different ones, broken surrogate pairs included, which UTF-8 cannot tell apart. */
export function textHash(text: string): Buffer {
  const hash = createHash("sha256")
  return half(text.isWellFormed() ? hash.update(text, "utf8") : hash.update("utf16;").update(text, "utf16le"))
}

export function pairHash(query: Uint8Array, document: Uint8Array): Buffer {
  return half(createHash("sha256").update(query).update(document))
}

function half(hash: ReturnType<typeof createHash>): Buffer {
  return hash.digest().subarray(0, KEY_BYTES / 2)
}

/** Check sum, tokens, flags; then the value. */
const HEADER = 12
const TRUNCATED = 1
const COUNTED = 2

/** The check sum covers the key, so that a record is never taken for the answer to something else. */
export function encodeRecord<Value>(key: Uint8Array, { value, length, truncated }: Known<Value>, codec: Codec<Value>) {
  const bytes = codec.encode(value)
  const record = Buffer.alloc(HEADER + bytes.length)
  record.writeUInt32LE(length ?? 0, 4)
  record.writeUInt32LE((truncated ? TRUNCATED : 0) | (length === undefined ? 0 : COUNTED), 8)
  record.set(bytes, HEADER)
  record.writeUInt32LE(checksum(key, record), 0)
  return record
}

/** `undefined` for a record that is damaged or no record of this kind. */
export function decodeRecord<Value>(key: Uint8Array, record: Buffer, codec: Codec<Value>): Known<Value> | undefined {
  if (record.length < HEADER || record.readUInt32LE(0) !== checksum(key, record)) return undefined
  const flags = record.readUInt32LE(8)
  // A copy, which begins where arrays of any element type may.
  const value = codec.decode(Uint8Array.from(record.subarray(HEADER)))
  if (value === undefined) return undefined
  const length = flags & COUNTED ? record.readUInt32LE(4) : undefined
  return { value, length, truncated: (flags & TRUNCATED) !== 0 }
}

function checksum(key: Uint8Array, record: Buffer): number {
  return crc32(record.subarray(4), crc32(key))
}
