import { readFile } from "node:fs/promises";
import { filesIn } from "../files/config-files.ts";
import type { Ending } from "../service/shared.ts";

/**
 * A folder with a copy of a shipped profile under another name, with `changes` from old to new text. Throws if an old
 * text is not in the file.
 */
export async function folderWithVariant(
  t: Ending,
  shipped: string,
  name: string,
  changes: Readonly<Record<string, string>>,
): Promise<string> {
  const file = new URL(`../../../profiles/${shipped}.yaml`, import.meta.url);
  let text = await readFile(file, "utf8");
  for (const [from, to] of Object.entries({ [`profile: ${shipped}\n`]: `profile: ${name}\n`, ...changes })) {
    if (!text.includes(from)) throw new Error(`${shipped}.yaml does not hold ${JSON.stringify(from)}`);
    text = text.replace(from, () => to);
  }
  return filesIn(t, { [`${name}.yaml`]: text });
}
