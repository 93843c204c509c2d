import { Struct_FieldsEntry, Value } from "../../gen/google/protobuf/struct.ts";
import { Timestamp } from "../../gen/google/protobuf/timestamp.ts";

let refusing = false;

/**
 * Makes the generated decoders of the whole process, for good, refuse what they would change in silence: a member of a
 * Struct without a value, which they leave out, and a Timestamp with more than a second of nanoseconds, which they add up.
 */
export function rejectIncompleteMessages(): void {
  if (refusing) return;
  refusing = true;
  const { unwrap } = Value;
  Value.unwrap = (message) => {
    if (message.kind === undefined) throw new Error("a google.protobuf.Value says nothing, not even null");
    return unwrap(message);
  };
  const { decode: decodeEntry } = Struct_FieldsEntry;
  Struct_FieldsEntry.decode = (...input) => {
    const entry = decodeEntry(...input);
    if (entry.value === undefined) throw new Error("a member of a google.protobuf.Struct has no value");
    return entry;
  };
  const { decode } = Timestamp;
  Timestamp.decode = (...input) => {
    const time = decode(...input);
    if (time.nanos < 0 || time.nanos > 999_999_999) throw new Error("a google.protobuf.Timestamp is out of range");
    return time;
  };
}

/**
 * Makes `__proto__` a name like others in the whole process, for good. The generated decoders assign the entries of a map,
 * e.g. the claims of a request, to plain objects: with the accessor of Object.prototype in place, an entry of this name
 * would vanish, or become the prototype, before any check could refuse it.
 */
export function makeProtoPlainName(): void {
  Reflect.deleteProperty(Object.prototype, "__proto__");
}
