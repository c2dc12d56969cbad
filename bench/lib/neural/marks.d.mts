import type { CheckedMark } from "../marks.mjs"
export function checkNeuralMarks(result: unknown, marks?: readonly Record<string, unknown>[]): CheckedMark[]
