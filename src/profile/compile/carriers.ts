import type { Faults } from "../../schema/fault.ts";
import { type CarrierInFile, LONGEST_TOKEN } from "../file/delivery-schema.ts";
import type { CarrierRule } from "../model/delivery.ts";

/** Compiles the places that may carry a token. A place that is listed twice would always conflict with itself. */
export function compileCarriers(carriers: readonly CarrierInFile[], faults: Faults): CarrierRule[] {
  const seen = new Set<string>();
  return carriers.map((raw, index) => {
    const rule = carrierRule(raw);
    const place = rule.in === "frame" ? "frame" : `${rule.in} ${rule.name}`;
    if (seen.has(place)) faults.add(["carriers", index], `${place} is already a carrier`);
    seen.add(place);
    if (raw.in === "header" && raw.scheme_optional !== undefined && raw.scheme === undefined)
      faults.add(["carriers", index, "scheme_optional"], "needs a scheme");
    return rule;
  });
}

/** The longest token that every carrier can transport, except the optional ones, in characters. */
export function longestTokenFor(carriers: readonly CarrierRule[]): number {
  return Math.min(LONGEST_TOKEN, ...carriers.filter(({ optional }) => !optional).map(({ maxLength }) => maxLength));
}

function carrierRule(raw: CarrierInFile): CarrierRule {
  const common = { maxLength: raw.max_bytes, optional: raw.optional };
  switch (raw.in) {
    case "header":
      return {
        in: "header",
        name: raw.name.toLowerCase(),
        scheme: raw.scheme,
        schemeOptional: raw.scheme_optional ?? false,
        ...common,
      };
    case "frame":
      return { in: "frame", prefix: raw.prefix, ...common };
    default:
      return { in: raw.in, name: raw.name, ...common };
  }
}
