/**
 * Maps items, `limit` of them at a time, results in their order. The first failure stops the others through their signal and is thrown when
 * all have ended.
 */
export async function mapConcurrently<In, Out>(
  items: readonly In[],
  limit: number,
  signal: AbortSignal | undefined,
  map: (item: In, signal: AbortSignal) => Promise<Out>,
): Promise<Out[]> {
  const failure = new AbortController()
  const stop = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal
  const results = new Array<Out>(items.length)
  let failed: { readonly thrown: unknown } | undefined
  let next = 0
  const lane = async () => {
    while (next < items.length && !failed) {
      const index = next++
      try {
        results[index] = await map(items[index]!, stop)
      } catch (thrown) {
        failed ??= { thrown }
        failure.abort()
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane))
  if (failed) throw failed.thrown
  return results
}
