import type { CheckedMark } from "./marks.mjs"
export function figure(value: number | undefined): string
export function renderReport(result: unknown, marks: readonly CheckedMark[]): string
export function renderPage(result: unknown, marks: readonly CheckedMark[]): string
