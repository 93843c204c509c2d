import type { ErrorObject } from "ajv/dist/2020.js";
import { pathText } from "./path-text.ts";

/**
 * Reduces the errors of each failed `anyOf` or `oneOf`. When the value clearly tries to be one of the alternatives,
 * that alternative's errors remain; otherwise one error lists all alternatives.
 */
export function resolveAlternatives(
  errors: readonly ErrorObject[],
  wording: (error: ErrorObject) => string,
): ErrorObject[] {
  let reduced: ErrorObject[] = [];
  // ajv reports the errors of the alternatives before the error of the keyword.
  for (const error of errors) {
    if (error.keyword !== "anyOf" && error.keyword !== "oneOf") {
      reduced.push(error);
      continue;
    }
    const inside = reduced.filter((other) => isInside(other, error));
    reduced = reduced.filter((other) => !isInside(other, error));
    reduced.push(...resolve(error, inside, wording));
  }
  return reduced;
}

function isInside(inner: ErrorObject, outer: ErrorObject): boolean {
  const place = `${inner.instancePath}/`;
  return inner.schemaPath.startsWith(`${outer.schemaPath}/`) && place.startsWith(`${outer.instancePath}/`);
}

function resolve(
  whole: ErrorObject,
  inside: readonly ErrorObject[],
  wording: (error: ErrorObject) => string,
): readonly ErrorObject[] {
  if (typeof whole.parentSchema?.allowed === "string") return [whole];
  if (inside.length === 0)
    return [{ ...whole, message: "must match exactly one of the alternatives and matches more" }];
  const branches = Map.groupBy(inside, ({ schemaPath }) => schemaPath.slice(whole.schemaPath.length + 1).split("/")[0]);
  const meant = [...branches.values()].filter((branch) => branch.every((error) => isDeeper(error, whole)));
  if (meant.length === 1) return meant[0] ?? [];
  const words = [...branches.values()].map((branch) => branch.map((error) => inWords(error, whole)).join(" and "));
  return [{ ...whole, message: [...new Set(words)].join(", or ") }];

  function inWords(error: ErrorObject, outer: ErrorObject): string {
    const name: unknown = error.params.missingProperty ?? error.params.additionalProperty;
    const inside = error.instancePath.slice(outer.instancePath.length).split("/").slice(1);
    const place = name === undefined ? inside : [...inside, String(name)];
    return [pathText(place), wording(error)].filter(Boolean).join(" ");
  }
}

/** Whether the error is inside the value, so that the value itself is of the alternative's kind. */
function isDeeper({ instancePath }: ErrorObject, whole: ErrorObject): boolean {
  return instancePath.length > whole.instancePath.length;
}
