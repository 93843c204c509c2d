import { execFile } from "node:child_process";
import { HANGS_MS } from "../bounded.ts";

/**
 * What the `fsck` of tessera says of a tiles folder, `key` being the file of the verifier key. Its exit code says nothing:
 * look for "Successfully fsck'd".
 */
export function fsck(program: string, folder: string, key: string, boundMs = HANGS_MS): Promise<string> {
  const words = ["--storage_url", `file://${folder}`, "--public_key", key, "--N", "4", "--ui=false"];
  return new Promise((resolve) => {
    execFile(program, words, { timeout: boundMs }, (_, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
}
