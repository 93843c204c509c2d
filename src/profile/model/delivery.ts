/** How one rejection is shown. Undefined: the profile has no such surface. */
export interface Surface {
  readonly httpStatus: number | undefined;
  readonly wwwAuthenticate: string | undefined;
  readonly closeCode: number | undefined;
  readonly closeReason: string | undefined;
  /** The frame that answers, with the rejection's message in it; undefined: none, the client's frame is dropped. */
  frame(message: string): string | undefined;
}

/** How the profile's answers are shown to clients. */
export interface Surfaces {
  /** For every rejection whose reason has no entry of its own. */
  readonly other: Surface;
  readonly byReason: ReadonlyMap<string, Surface>;
  /** What answers a frame with a valid token; undefined: nothing. */
  readonly acceptedFrame: string | undefined;
}

/** A place where a token is looked for. `maxLength` in characters of the token alone. */
export type CarrierRule =
  | {
      readonly in: "header";
      /** Lower case. */
      readonly name: string;
      /** What stands in front of the token, compared without case (RFC 9110, 11.1). */
      readonly scheme: string | undefined;
      readonly schemeOptional: boolean;
      readonly maxLength: number;
    }
  | { readonly in: "query" | "cookie" | "body"; readonly name: string; readonly maxLength: number }
  | { readonly in: "frame"; readonly prefix: string; readonly maxLength: number };
