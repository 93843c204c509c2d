/**
 * Takes tokens (JWS and JWE in compact serialisation) and passwords in URLs out of a text that came from elsewhere: a
 * token in the place of an option's name would else stand in the error, and so in the scrollback or the log of a build.
 */
export function redact(text: string): string {
  // The header of a token is a JSON object, which begins with "ey" in base64url.
  return text
    .replace(/\bey[A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]*){2,4}/g, "[token]")
    .replace(/(\w+:\/\/)[^\s/@]*@/g, "$1***@");
}
