/** Texts of users as they may stand in a prompt: they cannot forge what the prompt says itself. @module */
import type { PromptFile } from "./schema.js"

export interface CleanText {
  readonly text: string
  /** Pieces that were changed. */
  readonly escaped: number
}

const LABEL = { number: "[0-9]+", letter: "[A-Za-z]" } as const

/**
 * A cleaner of texts for one prompt: white space is collapsed, so that a text stays on its line; `[12]` and the prompt's own way to name a
 * document lose their brackets and colons, reserved tags their angle brackets. Special tokens of a model are left to the model, which reads
 * them as plain text.
 */
export function textCleaner(prompt: Pick<PromptFile, "labels" | "document" | "reserved">): (text: string) => CleanText {
  const patterns = [/\[\s*[0-9]+\s*\]/gu]
  if (prompt.labels === "letter") patterns.push(/\[\s*[A-Z]\s*\]/gu)
  const marker = markerOf(prompt)
  if (marker) patterns.push(marker)
  if (prompt.reserved.length > 0) {
    const names = prompt.reserved.map(literal).join("|")
    // An id may stand in a tag: <passage id="3">.
    patterns.push(new RegExp(`<\\s*/?\\s*(?:${names})(?:\\s[^<>]{0,80})?/?\\s*>`, "giu"))
  }
  return (text) => {
    // \s lacks only NEL of what ends a line.
    let escaped = 0
    let clean = text.replace(/[\s\u0085]+/gu, " ").trim()
    for (const pattern of patterns)
      clean = clean.replace(pattern, (found) => {
        const changed = found.replace(/[[<]/gu, "(").replace(/[\]>]/gu, ")").replace(/:/gu, " -")
        if (changed !== found) escaped++
        return changed
      })
    return { text: clean, escaped }
  }
}

/** How the prompt begins a document, such as `Passage A:`, with any label; undefined where that is only a label in brackets. */
function markerOf({ document, labels }: Pick<PromptFile, "labels" | "document">): RegExp | undefined {
  const before = document.slice(0, document.search(/\{(?:text|title)\}|$/u)).trim()
  const at = before.indexOf("{label}")
  if (at === -1 || !/[A-Za-z]/u.test(before.replace("{label}", ""))) return undefined
  const name = before.slice(0, at).trim()
  const word = /[\p{L}\p{N}]+\W*$/u.exec(name)?.[0]
  if (!word) return undefined
  return new RegExp(`\\b${literal(word.trim())}\\s*${LABEL[labels]}\\s*:`, "giu")
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/gu, "\\$&")
}
