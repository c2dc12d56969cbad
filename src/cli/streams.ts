export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }

/** The world outside, so that tests can run a command without a process of its own. */
export interface CliStreams {
  readonly out: Output
  readonly err: Output
  readonly env: Readonly<Record<string, string | undefined>>
}
