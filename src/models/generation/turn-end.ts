/** The token that ends a turn, found where the model was taught it: in its chat template. @module */
import type { TextCodec } from "./text-codec.js"

const ANSWER = "ANSWER"

/**
 * The special token that a chat template writes right after an answer; undefined where there is none. Files of fine-tuned models often name
 * only the end of a text, which such a model never writes.
 */
export function turnEnd(codec: TextCodec): number | undefined {
  if (!codec.chatTemplate) return undefined
  let text: string
  try {
    const messages = [
      { role: "user", content: "QUESTION" },
      { role: "assistant", content: ANSWER },
    ]
    text = codec.chatTemplate.render(messages, { addGenerationPrompt: false })
  } catch {
    return undefined
  }
  const at = text.lastIndexOf(ANSWER)
  if (at === -1) return undefined
  const [id] = codec.encode({ prompt: text.slice(at + ANSWER.length), special: false })
  return id !== undefined && codec.specialIds.has(id) ? id : undefined
}
