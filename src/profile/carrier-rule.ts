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
