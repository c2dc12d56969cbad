export interface DistinctTexts {
  /** Every text once, in the order of its first place. */
  readonly texts: string[]
  /** For each of the given texts its position among `texts`. */
  readonly places: number[]
}

/** A request often names a text several times, as the query of many pairs: a model reads it once. */
export function distinctTexts(given: readonly string[]): DistinctTexts {
  const known = new Map<string, number>()
  const places = given.map((text) => {
    let place = known.get(text)
    if (place === undefined) known.set(text, (place = known.size))
    return place
  })
  return { texts: [...known.keys()], places }
}
