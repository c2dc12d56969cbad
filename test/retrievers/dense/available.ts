/** Which optional packages are here: tests that need one are skipped without it. @module */
const available = (name: string): Promise<boolean> =>
  import(name).then(
    () => true,
    () => false,
  )

export const hasHnsw = await available("hnswlib-node")
export const hasUsearch = await available("usearch")
