declare module "jsonwebtoken" {
  const jsonwebtoken: {
    sign(claims: object, key: string | Buffer, options?: { readonly algorithm?: "HS256" }): string;
  };
  export = jsonwebtoken;
}
