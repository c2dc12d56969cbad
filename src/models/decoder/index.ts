/** Decoders straight from their checkpoints: to read and write texts with, to look into, and to train. @module */
export { type AdapterSlot, type LinearLayer, loraInputs, loraSlot } from "../encoder/adapter-slot.js"
export {
  type DecoderConfig,
  type DecoderFamily,
  decoderTypes,
  isDecoderFamily,
  parseDecoderConfig,
  type Rope,
} from "./config.js"
export { type DecoderOptions, loadDecoder } from "./load.js"
export { type DecoderSource, type ExportedDecoder, openDecoder } from "./open.js"
export {
  buildPrimitiveDecoder,
  type PrimitiveDecoder,
  type PrimitiveForm,
  type PrimitiveOutputs,
  primitiveDecoder,
} from "./primitive.js"
export type * from "./session.js"
