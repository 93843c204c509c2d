import { readFile } from "node:fs/promises";

const ELF = "\x7fELF";
const HEADER_BYTES = 64;

/**
 * Rejects if the add-on of the package at this URL is cut off: the system maps such a file as it is, and the process
 * would end with SIGBUS while it is loaded. Whatever else is wrong with it, loading it says.
 */
export async function requireWholeAddon(entry: string): Promise<void> {
  const path = new URL(`prebuilds/${process.platform}-${process.arch}/sodium-native.node`, entry);
  const addon = await readFile(path).catch(() => undefined);
  if (addon?.toString("latin1", 0, ELF.length) === ELF && addon.length < lengthOf(addon))
    throw new Error(`${path.pathname} is cut off`);
}

/** The table of sections is the last part of the file (System V ABI: e_shoff, e_shentsize, e_shnum). */
function lengthOf(addon: Buffer): number {
  if (addon.length < HEADER_BYTES) return HEADER_BYTES;
  return Number(addon.readBigUInt64LE(40)) + addon.readUInt16LE(58) * addon.readUInt16LE(60);
}
