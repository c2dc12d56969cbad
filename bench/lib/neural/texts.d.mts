export function interleave<Item>(lists: readonly (readonly Item[])[]): Item[]
export function pairGroups(
  queries: readonly string[],
  documents: readonly string[],
  count: number,
): { query: string; documents: string[] }[]
