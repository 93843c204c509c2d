/** Names that may reach a prototype as keys of plain objects: a token with one is an attack or an accident. */
export const PROTOTYPE_NAMES: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** The registered claims (RFC 7519, 4.1), which only the service interprets. */
export const REGISTERED_NAMES: ReadonlySet<string> = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]);
