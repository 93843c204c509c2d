/**
 * One line of JSON. A URL is never logged, because clients put tokens into it; nor is any other text from a client.
 */
export function log(event: string, details: Readonly<Record<string, string | number | boolean>> = {}): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...details })}\n`);
}

/** The text of an error for the log. Signet puts no token into its errors. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
