declare module "jsonwebtoken" {
  const jsonwebtoken: {
    sign(
      claims: object,
      key: string | Buffer,
      options?: { readonly algorithm?: "HS256"; readonly keyid?: string },
    ): string;
    /** Throws when the token is not valid. */
    verify(token: string, key: string | Buffer, options: { readonly algorithms: readonly ["HS256"] }): unknown;
  };
  export = jsonwebtoken;
}
