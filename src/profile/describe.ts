import type { ClaimRule } from "./model/claims.ts";
import type { CarrierRule, Surface, Surfaces } from "./model/delivery.ts";

/**
 * A claim for display: `source` is "issued_at", "request.a.b", `= ` with a fixed value, or `cel: ` with an expression.
 */
export interface ClaimView {
  /** Empty for `rest`. */
  readonly name: string;
  readonly source: string;
  /** Whether the members of objects have the order of the schema instead of that of their names. */
  readonly schemaOrder: boolean;
}

/** A carrier for display. A text is empty when the carrier has no such value. */
export interface CarrierView {
  readonly in: CarrierRule["in"];
  readonly name: string;
  /** The scheme of a header, or the prefix of a frame. */
  readonly scheme: string;
  readonly schemeOptional: boolean;
  /** Characters of the token alone. */
  readonly maxLength: number;
  /** Whether a token that is too long for it is issued all the same. */
  readonly optional: boolean;
}

/** How the rejections of one reason are presented, for display. The empty reason stands for all others. */
export interface SurfaceView extends Omit<Surface, "frame"> {
  readonly reason: string;
  /** With `$message` instead of the rejection's message. */
  readonly frame: string | undefined;
}

export function describeClaim(rule: ClaimRule): ClaimView {
  return { name: "rest" in rule ? "" : rule.name, source: sourceOf(rule), schemaOrder: rule.order === "schema" };
}

function sourceOf(rule: ClaimRule): string {
  if ("rest" in rule) return rule.rest;
  if ("from" in rule) return rule.minus === undefined ? rule.from : `${rule.from} minus ${rule.minus}`;
  return "cel" in rule ? `cel: ${rule.cel}` : `= ${JSON.stringify(rule.value)}`;
}

export function describeCarrier(rule: CarrierRule): CarrierView {
  const { maxLength, optional } = rule;
  const plain = { in: rule.in, name: "", scheme: "", schemeOptional: false, maxLength, optional };
  switch (rule.in) {
    case "header":
      return { ...plain, name: rule.name, scheme: rule.scheme ?? "", schemeOptional: rule.schemeOptional };
    case "frame":
      return { ...plain, scheme: rule.prefix };
    default:
      return { ...plain, name: rule.name };
  }
}

/** The reasons with a surface of their own, then one view for all others unless the profile has no surfaces. */
export function describeSurfaces({ other, byReason }: Surfaces): SurfaceView[] {
  const views = [...byReason].map(([reason, surface]) => surfaceView(reason, surface));
  const rest = surfaceView("", other);
  const hasAny = [rest.httpStatus, rest.closeCode, rest.frame].some((part) => part !== undefined);
  return hasAny ? [...views, rest] : views;
}

function surfaceView(reason: string, surface: Surface): SurfaceView {
  return { ...surface, reason, frame: surface.frame("$message") };
}
