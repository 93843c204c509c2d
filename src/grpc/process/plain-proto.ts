/**
 * Makes `__proto__` a property name like any other in the WHOLE process, permanently, by deleting the accessor of
 * Object.prototype. The generated decoders assign the entries of a map, e.g. the claims of a request, to plain objects.
 * The accessor would make an entry of this name vanish, or become the prototype, before a check could refuse it. There
 * is no switch, since a switch would turn off a check.
 */
export function makeProtoPlainName(): void {
  Reflect.deleteProperty(Object.prototype, "__proto__");
}
