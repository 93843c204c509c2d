/** How one rejection is presented to the client. Undefined: the profile has no such surface. */
export interface Surface {
  readonly httpStatus: number | undefined;
  readonly wwwAuthenticate: string | undefined;
  readonly closeCode: number | undefined;
  readonly closeReason: string | undefined;
  /** The frame to answer with, including the rejection's message; undefined: the client's frame is dropped. */
  frame(message: string): string | undefined;
}

/** How verdicts are presented to clients. */
export interface Surfaces {
  /** For every rejection whose reason has no entry in `byReason`. */
  readonly other: Surface;
  readonly byReason: ReadonlyMap<string, Surface>;
  /** The frame that answers a valid token; undefined: no answer. */
  readonly acceptedFrame: string | undefined;
}

/**
 * A place that may carry a token. `maxLength` counts the characters of the token alone. A token that is too long for an
 * optional carrier is issued all the same.
 */
export type CarrierRule = { readonly maxLength: number; readonly optional: boolean } & (
  | {
      readonly in: "header";
      /** Lower case. */
      readonly name: string;
      /** The word before the token, compared without case (RFC 9110, 11.1). */
      readonly scheme: string | undefined;
      readonly schemeOptional: boolean;
    }
  | { readonly in: "query" | "cookie" | "body"; readonly name: string }
  | { readonly in: "frame"; readonly prefix: string }
);
