export function drawGrowth(part: {
  rows: readonly { name: string; every?: number; samples?: readonly number[] }[]
}): Promise<string>
