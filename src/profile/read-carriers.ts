import type { CarrierRule } from "./carrier-rule.ts";
import { LONGEST_TOKEN } from "./carrier-schema.ts";
import type { FileFaults } from "./faults-of-file.ts";
import type { CarrierInFile } from "./profile-file.ts";

/** Where a token is looked for. A place that is named twice would always be a conflict. */
export function readCarriers(carriers: readonly CarrierInFile[], faults: FileFaults): CarrierRule[] {
  const seen = new Set<string>();
  return carriers.map((raw, index) => {
    const rule = readCarrier(raw);
    const place = rule.in === "frame" ? "frame" : `${rule.in} ${rule.name}`;
    if (seen.has(place)) faults.add(["carriers", index], `${place} is a carrier already`);
    seen.add(place);
    if (raw.scheme_optional !== undefined && raw.scheme === undefined)
      faults.add(["carriers", index, "scheme_optional"], "needs a scheme");
    return rule;
  });
}

/** The longest token that every carrier can hold, in characters. */
export function smallestCarrier(carriers: readonly CarrierRule[]): number {
  return Math.min(LONGEST_TOKEN, ...carriers.map(({ maxLength }) => maxLength));
}

function readCarrier(raw: CarrierInFile): CarrierRule {
  const maxLength = raw.max_bytes;
  switch (raw.in) {
    case "header":
      return {
        in: "header",
        name: raw.name.toLowerCase(),
        scheme: raw.scheme,
        schemeOptional: raw.scheme_optional ?? false,
        maxLength,
      };
    case "frame":
      return { in: "frame", prefix: raw.prefix ?? "", maxLength };
    default:
      return { in: raw.in, name: raw.name, maxLength };
  }
}
