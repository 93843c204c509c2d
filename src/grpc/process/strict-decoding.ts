import { Struct_FieldsEntry, Value } from "../../gen/google/protobuf/struct.ts";
import { Timestamp } from "../../gen/google/protobuf/timestamp.ts";

/*
 * This file changes the WHOLE process, permanently: three generated decoders, which all requests share, and
 * Object.prototype. It has no switch, since a switch would turn off a check.
 */

let patched = false;

/**
 * Makes the generated decoders reject incomplete messages, which they would otherwise change silently:
 *
 * - `google.protobuf.Value` without any kind. It has no JSON, not even null; the decoder makes it undefined.
 * - an entry of `google.protobuf.Struct` without a value. The decoder drops it, so a claim that a caller sent would be
 *   neither checked nor signed.
 * - `google.protobuf.Timestamp` with nanoseconds outside 0 to 999 999 999. The decoder carries them over into the
 *   seconds, so a time would not be the one that another decoder reads.
 */
export function rejectIncompleteMessages(): void {
  if (patched) return;
  patched = true;

  const { unwrap } = Value;
  Value.unwrap = (message) => {
    if (message.kind === undefined) throw new Error("a google.protobuf.Value has no kind, not even null");
    return unwrap(message);
  };

  const { decode: decodeEntry } = Struct_FieldsEntry;
  Struct_FieldsEntry.decode = (...input) => {
    const entry = decodeEntry(...input);
    if (entry.value === undefined) throw new Error("an entry of a google.protobuf.Struct has no value");
    return entry;
  };

  const { decode: decodeTime } = Timestamp;
  Timestamp.decode = (...input) => {
    const time = decodeTime(...input);
    if (time.nanos < 0 || time.nanos > 999_999_999) throw new Error("a google.protobuf.Timestamp is out of range");
    return time;
  };
}

/**
 * Makes `__proto__` a property name like any other, by deleting the accessor of Object.prototype. The generated
 * decoders assign the entries of a map, e.g. the claims of a request, to plain objects. The accessor would make an
 * entry of this name vanish, or become the prototype, before a check could refuse it.
 */
export function makeProtoPlainName(): void {
  Reflect.deleteProperty(Object.prototype, "__proto__");
}
