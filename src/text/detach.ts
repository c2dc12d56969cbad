/**
 * The same string, without a hold on the longer one that it was cut from.
 * V8 keeps a slice of 13 or more units as a view, so that one word in a vocabulary keeps a whole document in memory.
 */
export function detach(piece: string): string {
  // The slice is a view again, on a copy that is one unit longer than itself.
  return piece.length < 13 ? piece : ` ${piece}`.slice(1)
}
