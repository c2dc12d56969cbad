import { describeDevice } from "./describe-device.js"
import { describeModels } from "./describe-models.js"
import { whyNot } from "./devices.js"

const missing = await whyNot("webgpu")
describeDevice("webgpu", missing)
describeModels("webgpu", missing)
