export const partNames: readonly string[]
export const usage: string
export function readOptions(args: readonly string[]): {
  readonly parts: readonly string[]
  readonly engines: readonly string[]
  readonly threads: number
  readonly limit: number | undefined
  readonly from: readonly string[] | undefined
}
