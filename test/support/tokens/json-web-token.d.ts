declare module "jsonwebtoken" {
  const jsonwebtoken: {
    sign(
      claims: object,
      key: string | Buffer,
      options?: { readonly algorithm?: "HS256"; readonly keyid?: string },
    ): string;
  };
  export = jsonwebtoken;
}
