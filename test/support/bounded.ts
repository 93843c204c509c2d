/**
 * How long anything may take before a test says that it hangs, in milliseconds. It is no measure of speed: a disk or a
 * machine that stalls for ten seconds must fail no test.
 */
export const HANGS_MS = 60_000;

/** The options of a call that ends when it hangs. */
export function bounded(): { readonly deadline: number } {
  return { deadline: Date.now() + HANGS_MS };
}
