export interface CheckedMark {
  readonly name: string
  readonly wanted: string
  readonly value: string
  readonly met: boolean
}
export function checkMarks(result: unknown, marks?: readonly Record<string, unknown>[]): CheckedMark[]
