import { describeDevice } from "./describe-device.js"
import { describeModels } from "./describe-models.js"
import { whyNot } from "./devices.js"

const missing = await whyNot("cuda")
describeDevice("cuda", missing)
describeModels("cuda", missing)
