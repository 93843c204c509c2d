import type { Entry, KeyValue } from "../../state/keyvalue.ts";

/** Every entry below a prefix, as it is now, in the order of its revision. */
export async function storedEntries(store: KeyValue, prefix: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const change of store.watch(prefix, new AbortController().signal)) {
    if (change.type === "current") break;
    if (change.type === "put") entries.push(change.entry);
  }
  return entries;
}

/** Whether anything was ever put below a prefix whose keys are never deleted. */
export async function holdsEntries(store: KeyValue, prefix: string): Promise<boolean> {
  for await (const change of store.watch(prefix, new AbortController().signal)) return change.type === "put";
  return false;
}
