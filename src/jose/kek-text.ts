import { type Kek, kekBytes, kekOf } from "./kek.ts";
import { KekError } from "./kek-error.ts";

/** More than any KEK has: whoever reads may stop here. */
export const longestKekText = 256;

/** The KEK of a base64url text, with white space after it. `where` names the place for messages. Overwrites what it reads. */
export function kekOfText(content: Buffer, where: string): Kek {
  const text = content.toString("latin1").trimEnd();
  content.fill(0);
  if (!/^[A-Za-z0-9_-]*$/.test(text))
    throw new KekError("KEK_ENCODING", `${where} must hold base64url text and nothing else`);
  const bytes = Buffer.from(text, "base64url");
  try {
    if (bytes.length !== kekBytes)
      throw new KekError("KEK_LENGTH", `${where} holds ${bytes.length} bytes: it must hold ${kekBytes} as base64url`);
    // Two texts for one key would hide a typing error.
    if (bytes.toString("base64url") !== text) throw new KekError("KEK_ENCODING", `${where} is not canonical base64url`);
    return kekOf(bytes);
  } finally {
    bytes.fill(0);
  }
}
