/** Where adapters attach to the linear layers of a model. @module */
export { loraInputs, loraSlot } from "../../lowrank/adapters/lora-slot.js"
export type { AdapterSlot, LinearLayer } from "../../lowrank/layer.js"
