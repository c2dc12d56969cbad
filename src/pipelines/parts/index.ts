/** The parts that Rankine brings. @module */
import { registerBm25 } from "./bm25.js"
import { registerCandidates } from "./candidates.js"
import { registerDense } from "./dense.js"
import { registerElasticlunr } from "./elasticlunr.js"
import { registerFuse } from "./fuse.js"
import { registerLanguageModelStages } from "./language-model-stages.js"
import { registerLateInteraction } from "./late-interaction.js"
import { registerNeuralStages } from "./neural-stages.js"
import { registerSparse } from "./sparse.js"
import { registerStages } from "./stages.js"

let done = false

/** Called by whatever reads the registry: a module's mere import registers nothing, so that bundlers may drop what is not used. */
export function registerBuiltInParts(): void {
  if (done) return
  done = true
  registerBm25()
  registerDense()
  registerElasticlunr()
  registerSparse()
  registerLateInteraction()
  registerFuse()
  registerCandidates()
  registerStages()
  registerNeuralStages()
  registerLanguageModelStages()
}
