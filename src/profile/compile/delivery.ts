import type { Faults } from "../../schema/fault.ts";
import { type CarrierInFile, LONGEST_TOKEN, type SurfacesInFile } from "../file/delivery-schema.ts";
import type { CarrierRule, Surface, Surfaces } from "../model/delivery.ts";

/** Where a token is looked for. A place that is named twice would always be a conflict. */
export function compileCarriers(carriers: readonly CarrierInFile[], faults: Faults): CarrierRule[] {
  const seen = new Set<string>();
  return carriers.map((raw, index) => {
    const rule = carrierRule(raw);
    const place = rule.in === "frame" ? "frame" : `${rule.in} ${rule.name}`;
    if (seen.has(place)) faults.add(["carriers", index], `${place} is a carrier already`);
    seen.add(place);
    if (raw.in === "header" && raw.scheme_optional !== undefined && raw.scheme === undefined)
      faults.add(["carriers", index, "scheme_optional"], "needs a scheme");
    return rule;
  });
}

/** The longest token that every carrier can hold, in characters. */
export function longestTokenFor(carriers: readonly CarrierRule[]): number {
  return Math.min(LONGEST_TOKEN, ...carriers.map(({ maxLength }) => maxLength));
}

function carrierRule(raw: CarrierInFile): CarrierRule {
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
      return { in: "frame", prefix: raw.prefix, maxLength };
    default:
      return { in: raw.in, name: raw.name, maxLength };
  }
}

/** How the profile's answers are shown. What a reason does not say, it takes from the surface. */
export function compileSurfaces(raw: SurfacesInFile, faults: Faults): Surfaces {
  for (const key of ["accepted", "rejected"] as const) {
    const fault = raw.frame?.[key] === undefined ? undefined : templateFault(raw.frame[key]);
    if (fault !== undefined) faults.add(["surfaces", "frame", key], fault);
  }
  const reasons = new Set([
    ...Object.keys(raw.http?.reasons ?? {}),
    ...Object.keys(raw.websocket?.reasons ?? {}),
    ...(raw.frame?.silent ?? []),
  ]);
  const rejected = raw.frame?.rejected === undefined ? undefined : frameTemplate(raw.frame.rejected);
  return {
    other: shown(raw, undefined, rejected),
    byReason: new Map([...reasons].map((reason) => [reason, shown(raw, reason, rejected)])),
    acceptedFrame: raw.frame?.accepted === undefined ? undefined : frameTemplate(raw.frame.accepted)(""),
  };
}

function shown(
  { http, websocket, frame }: SurfacesInFile,
  reason: string | undefined,
  rejected: ((message: string) => string) | undefined,
): Surface {
  const httpOwn = reason === undefined ? undefined : http?.reasons[reason];
  const closeOwn = reason === undefined ? undefined : websocket?.reasons[reason];
  const silentReasons: readonly string[] = frame?.silent ?? [];
  const silent = reason !== undefined && silentReasons.includes(reason);
  return {
    httpStatus: httpOwn?.status ?? http?.status,
    wwwAuthenticate: httpOwn?.www_authenticate ?? http?.www_authenticate,
    closeCode: closeOwn?.code ?? websocket?.code,
    closeReason: closeOwn?.reason ?? websocket?.reason,
    frame: (message) => (silent ? undefined : rejected?.(message)),
  };
}

/** What stands in a template for the rejection's message. */
const PLACEHOLDER = "$message";
const MAX_DEPTH = 8;
const MAX_BYTES = 1024;

/**
 * A frame as compact JSON in the file's member order. The message is put in before the text is made, so that no message
 * can break out of its place.
 */
function frameTemplate(template: unknown): (message: string) => string {
  const constant = JSON.stringify(template);
  if (!constant.includes(JSON.stringify(PLACEHOLDER))) return () => constant;
  return (message) => JSON.stringify(template, (_name, value) => (value === PLACEHOLDER ? message : value));
}

/** What is wrong with a template, or undefined. */
function templateFault(template: unknown): string | undefined {
  if (depthOf(template) > MAX_DEPTH) return `must not nest deeper than ${MAX_DEPTH} levels`;
  if (Buffer.byteLength(JSON.stringify(template)) > MAX_BYTES) return `must have at most ${MAX_BYTES} bytes as JSON`;
  return hasNumberName(template) ? "must not name a member by a number: it would lose its place" : undefined;
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function hasNumberName(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (!Array.isArray(value) && Object.keys(value).some((name) => /^\d+$/.test(name))) return true;
  return Object.values(value).some(hasNumberName);
}
