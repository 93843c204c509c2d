import type { StreamConfig } from "nats";

/** Each setting of a stream that is not as it is wanted, for people to read. */
export function differencesOf(wanted: Partial<StreamConfig>, found: StreamConfig): string[] {
  const differences: string[] = [];
  for (const [name, value] of Object.entries(wanted)) {
    // A server leaves out what is off, and all that it does not know yet.
    const actual = JSON.stringify(found[name as keyof StreamConfig] ?? false);
    if (actual !== JSON.stringify(value)) differences.push(`${name} is ${actual}, should be ${JSON.stringify(value)}`);
  }
  return differences;
}
