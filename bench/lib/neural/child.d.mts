export interface ChildOptions {
  readonly threads: number
  readonly cpu?: string
  readonly limits: { readonly seconds: number; readonly bytes?: number }
  readonly onStatus?: (text: string) => void
}
export function runChild(
  script: string,
  settings: Record<string, unknown>,
  options: ChildOptions,
): Promise<Record<string, unknown>>
export function rowOf(
  name: string,
  script: string,
  settings: Record<string, unknown>,
  options: ChildOptions,
): Promise<Record<string, unknown>>
