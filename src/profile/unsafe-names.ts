/** Names that plain code may turn into a prototype's: a token that carries one is an attack or an accident. */
export const UNSAFE_NAMES: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
