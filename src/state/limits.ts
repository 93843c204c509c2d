import { StateError } from "./keyvalue.ts";

const keyPattern = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;
const prefixPattern = /^([A-Za-z0-9_-]+\/)*[A-Za-z0-9_-]*$/;
const largestValue = 64 * 1024;

/** Throws BAD_KEY unless `key` is segments of `[A-Za-z0-9_-]+` joined by `/`: every adapter can spell those. */
export function checkKey(key: string): void {
  if (!keyPattern.test(key))
    throw new StateError("BAD_KEY", `key ${JSON.stringify(key)}: allowed are segments of [A-Za-z0-9_-]+ joined by "/"`);
}

/** Throws BAD_KEY unless some key can begin with `prefix`. */
export function checkPrefix(prefix: string): void {
  if (!prefixPattern.test(prefix))
    throw new StateError("BAD_KEY", `prefix ${JSON.stringify(prefix)}: no key can begin with it`);
}

/** Throws TOO_LARGE for a value of more than 64 KiB. */
export function checkValue(key: string, value: Uint8Array): void {
  if (value.byteLength > largestValue) {
    throw new StateError(
      "TOO_LARGE",
      `value of ${key} has ${value.byteLength} bytes: at most ${largestValue} are allowed`,
    );
  }
}
