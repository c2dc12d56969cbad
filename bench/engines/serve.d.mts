export function readRecords(file: string): { id: string; text: string }[]
