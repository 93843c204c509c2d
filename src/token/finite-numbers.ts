import type { Json } from "./strict-json.ts";

/** Whether every number in the value is one that JSON can hold: 1e400 is read as Infinity. The value nests as deep as strict JSON. */
export function hasFiniteNumbers(value: Json): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value !== "object" || value === null || Object.values(value).every(hasFiniteNumbers);
}
