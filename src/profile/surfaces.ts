/** How one rejection is shown. Undefined: the profile has no such surface. */
export interface Shown {
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
  readonly other: Shown;
  readonly byReason: ReadonlyMap<string, Shown>;
  /** What answers a frame with a valid token; undefined: nothing. */
  readonly acceptedFrame: string | undefined;
}
