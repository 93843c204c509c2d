/** What stands in a template for the rejection's message. */
const PLACEHOLDER = "$message";
const MAX_DEPTH = 8;
const MAX_BYTES = 1024;

/**
 * A frame as compact JSON in the file's member order. The message is put in before the text is made, so that no message
 * can break out of its place.
 */
export function frameTemplate(template: unknown): (message: string) => string {
  const constant = JSON.stringify(template);
  if (!constant.includes(JSON.stringify(PLACEHOLDER))) return () => constant;
  return (message) => JSON.stringify(template, (_name, value) => (value === PLACEHOLDER ? message : value));
}

/** What is wrong with a template, or undefined. */
export function templateFault(template: unknown): string | undefined {
  if (depthOf(template) > MAX_DEPTH) return `must not nest deeper than ${MAX_DEPTH} levels`;
  if (Buffer.byteLength(JSON.stringify(template)) > MAX_BYTES) return `must have at most ${MAX_BYTES} bytes as JSON`;
  return hasNumberName(template) ? "must not name a member by a number: it would lose its place" : undefined;
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function hasNumberName(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (!Array.isArray(value) && Object.keys(value).some((name) => /^\d+$/.test(name))) return true;
  return Object.values(value).some(hasNumberName);
}
