#!/usr/bin/env node
import { runCli } from "./program.js"

const controller = new AbortController()
process.on("SIGINT", () => {
  // The first Ctrl+C lets the work stop in good order; whoever presses again does not want to wait for that.
  if (controller.signal.aborted) process.exit(130)
  controller.abort()
})

// The reader of a pipe went away (`rankine … | head`): nobody is left to tell, so nothing is said.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

const streams = { out: process.stdout, err: process.stderr, env: process.env }
process.exitCode = await runCli(process.argv.slice(2), streams, controller.signal)
// What was interrupted may still wait for a disk or a network that has nothing more to say to anybody.
if (controller.signal.aborted) process.exit()
