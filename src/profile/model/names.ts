/** Names that plain code may turn into a prototype's: a token that carries one is an attack or an accident. */
export const PROTOTYPE_NAMES: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** The registered claims (RFC 7519, 4.1): the service alone gives them their meaning. */
export const REGISTERED_NAMES: ReadonlySet<string> = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]);
