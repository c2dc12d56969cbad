// onnxruntime-node, except that a run whose first number is 666 ends the thread it runs on, and one of 777 throws later.
const runtime = require("onnxruntime-node")

module.exports = {
  env: runtime.env,
  Tensor: runtime.Tensor,
  listSupportedBackends: runtime.listSupportedBackends,
  InferenceSession: {
    async create(...args) {
      const session = await runtime.InferenceSession.create(...args)
      const run = session.run.bind(session)
      session.run = (feeds, ...rest) => {
        const first = Object.values(feeds)[0].data[0]
        if (first === 666) process.exit(3)
        if (first === 777)
          setImmediate(() => {
            throw new Error("thrown outside of the run")
          })
        return first === 777 ? new Promise(() => {}) : run(feeds, ...rest)
      }
      return session
    },
  },
}
