import type { ErrorObject } from "ajv/dist/2020.js";

/**
 * Puts one error in the place of all that a failed `anyOf` or `oneOf` brings. Where the value clearly tries to be one of
 * the alternatives, that one's errors are told; otherwise the alternatives in words.
 */
export function resolveAlternatives(
  errors: readonly ErrorObject[],
  wording: (error: ErrorObject) => string,
): ErrorObject[] {
  let told: ErrorObject[] = [];
  // The errors of the alternatives come before the error of the whole.
  for (const error of errors) {
    if (error.keyword !== "anyOf" && error.keyword !== "oneOf") {
      told.push(error);
      continue;
    }
    const inside = told.filter((other) => isInside(other, error));
    told = told.filter((other) => !isInside(other, error));
    told.push(...resolve(error, inside, wording));
  }
  return told;
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
  if (inside.length === 0) return [{ ...whole, message: "must fit exactly one of the alternatives, and fits more" }];
  const branches = Map.groupBy(inside, ({ schemaPath }) => schemaPath.slice(whole.schemaPath.length + 1).split("/")[0]);
  const meant = [...branches.values()].filter((branch) => branch.every((error) => isDeeper(error, whole)));
  if (meant.length === 1) return meant[0] ?? [];
  const words = [...branches.values()].map((branch) => branch.map((error) => inWords(error, whole)).join(" and "));
  return [{ ...whole, message: [...new Set(words)].join(", or ") }];

  function inWords(error: ErrorObject, outer: ErrorObject): string {
    const name: unknown = error.params.missingProperty ?? error.params.additionalProperty;
    const place = [...error.instancePath.slice(outer.instancePath.length).split("/").slice(1), name];
    return [place.filter((part) => part !== undefined).join("."), wording(error)].filter(Boolean).join(" ");
  }
}

/** What is wrong lies within the value: the value itself is of the alternative's kind. */
function isDeeper({ instancePath }: ErrorObject, whole: ErrorObject): boolean {
  return instancePath.length > whole.instancePath.length;
}
