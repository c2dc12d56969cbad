export interface Measured {
  readonly engine: { readonly name: string }
  readonly result: Record<string, unknown> & { rounds: number[] }
  readonly values?: Float32Array
  readonly rows?: number
}
export function compareRows(
  participants: readonly Measured[],
  task: "embed" | "score",
): { tokens: number | undefined; reference: string | undefined }
