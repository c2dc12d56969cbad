import type { CheckedMark } from "../marks.mjs"
export function renderNeural(result: unknown, marks: readonly CheckedMark[], settings?: { plot?: string }): string
