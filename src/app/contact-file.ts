import type { SnapshotFiles } from "../replica/snapshot-files.ts";

const NAME = "contact";

/** When the store was last heard of, in Unix milliseconds, for the next start. Undefined: never, as far as is known. */
export async function loadContact(files: SnapshotFiles): Promise<number | undefined> {
  const content = await files.load(NAME);
  const time = Number(content && Buffer.from(content).toString());
  return Number.isSafeInteger(time) ? time : undefined;
}

export async function saveContact(files: SnapshotFiles, lastHeard: number | undefined): Promise<void> {
  if (lastHeard !== undefined) await files.save(NAME, Buffer.from(String(Math.floor(lastHeard))));
}
