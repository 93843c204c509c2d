/**
 * Makes `__proto__` a name like others in the whole process, for good. The generated decoders assign the entries of a map,
 * e.g. the claims of a request, to plain objects: with the accessor of Object.prototype in place, an entry of this name
 * would vanish, or become the prototype, before any check could refuse it.
 */
export function makeProtoPlainName(): void {
  Reflect.deleteProperty(Object.prototype, "__proto__");
}
