export class EngineStopped extends Error {}
export class EngineProcess {
  constructor(
    engine: { readonly command: readonly string[] },
    options: { limits: { seconds: number; bytes: number }; cpu?: number | string; env?: Record<string, string> },
  )
  readonly peakBytes: number
  readonly residentBytes: number | undefined
  ask(op: string, fields?: Record<string, unknown>): Promise<Record<string, unknown>>
  quit(): Promise<void>
}
