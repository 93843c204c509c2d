import type { StreamConfig } from "nats";

/** Describes, for an operator, each setting of a stream that differs from the wanted one. */
export function differencesOf(wanted: Partial<StreamConfig>, found: StreamConfig): string[] {
  const differences: string[] = [];
  for (const [name, value] of Object.entries(wanted)) {
    // A server omits settings that are off, and those that its version does not know.
    const actual = JSON.stringify(found[name as keyof StreamConfig] ?? false);
    if (actual !== JSON.stringify(value)) differences.push(`${name} is ${actual}, should be ${JSON.stringify(value)}`);
  }
  return differences;
}
