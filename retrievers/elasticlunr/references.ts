/**
 * References under which elasticlunr files documents. It keeps them as keys of plain objects and tests them with `in`, so an id such as
 * `constructor` is taken for known, loses its postings, and `__proto__` writes into the prototype of every object. Such ids are filed
 * behind a control character; all others are filed as they are, so that a page sees the ids it knows.
 * @module
 */
const MARK = "\u0001"

/** Whether every plain object has such a property. */
export function isInherited(name: string): boolean {
  return name in Object.prototype
}

export function toReference(id: string): string {
  return isInherited(id) || id.startsWith(MARK) ? MARK + id : id
}

export function fromReference(reference: string): string {
  return reference.startsWith(MARK) ? reference.slice(1) : reference
}
