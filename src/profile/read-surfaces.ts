import type { FileFaults } from "./faults-of-file.ts";
import { frameTemplate, templateFault } from "./frame-template.ts";
import type { SurfacesInFile } from "./profile-file.ts";
import type { Shown, Surfaces } from "./surfaces.ts";

/** How the profile's answers are shown. What a reason does not say, it takes from the surface. */
export function readSurfaces(raw: SurfacesInFile, faults: FileFaults): Surfaces {
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
): Shown {
  const httpOwn = reason === undefined ? undefined : http?.reasons[reason];
  const closeOwn = reason === undefined ? undefined : websocket?.reasons[reason];
  const silent = reason !== undefined && frame?.silent.includes(reason) === true;
  return {
    httpStatus: httpOwn?.status ?? http?.status,
    wwwAuthenticate: httpOwn?.www_authenticate ?? http?.www_authenticate,
    closeCode: closeOwn?.code ?? websocket?.code,
    closeReason: closeOwn?.reason ?? websocket?.reason,
    frame: (message) => (silent ? undefined : rejected?.(message)),
  };
}
