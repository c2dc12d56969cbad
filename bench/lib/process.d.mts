export class EngineStopped extends Error {}
export class EngineProcess {
  constructor(
    engine: { readonly command: readonly string[] },
    options: { limits: { seconds: number; bytes: number }; cpu?: number },
  )
  readonly peakBytes: number
  readonly residentBytes: number | undefined
  ask(op: string, fields?: Record<string, unknown>): Promise<Record<string, unknown>>
  quit(): Promise<void>
}
