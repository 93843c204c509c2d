import type { Faults } from "../../schema/fault.ts";
import type { SurfacesInFile } from "../file/delivery-schema.ts";
import type { Surface, Surfaces } from "../model/delivery.ts";

/** Compiles how verdicts are presented to clients. A reason without a value of its own gets the surface's. */
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
    other: surfaceOf(raw, undefined, rejected),
    byReason: new Map([...reasons].map((reason) => [reason, surfaceOf(raw, reason, rejected)])),
    acceptedFrame: raw.frame?.accepted === undefined ? undefined : frameTemplate(raw.frame.accepted)(""),
  };
}

function surfaceOf(
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

/** The member value that a template replaces by the rejection's message. */
const PLACEHOLDER = "$message";
const MAX_DEPTH = 8;
const MAX_BYTES = 1024;

/**
 * Compiles a template to compact JSON in the file's member order. The message is inserted before serialization, so that
 * no message can break out of its string.
 */
function frameTemplate(template: unknown): (message: string) => string {
  const constant = JSON.stringify(template);
  if (!constant.includes(JSON.stringify(PLACEHOLDER))) return () => constant;
  return (message) => JSON.stringify(template, (_name, value) => (value === PLACEHOLDER ? message : value));
}

/** What is wrong with a template; undefined for a good one. */
function templateFault(template: unknown): string | undefined {
  if (depthOf(template) > MAX_DEPTH) return `must not nest deeper than ${MAX_DEPTH} levels`;
  if (Buffer.byteLength(JSON.stringify(template)) > MAX_BYTES) return `must have at most ${MAX_BYTES} bytes as JSON`;
  return hasNumberName(template)
    ? "must not have a number as the name of a member: it would change its position"
    : undefined;
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
