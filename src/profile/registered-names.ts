/** The registered claims (RFC 7519, 4.1): the service alone gives them their meaning. */
export const REGISTERED_NAMES: ReadonlySet<string> = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]);
