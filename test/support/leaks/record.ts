import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";

/** What operators and callers see of a service. No secret may be in it. */
export type Place = "logs" | "events" | "metrics" | "errors" | "traces";

/** A signature makes a token; a credential proves a caller; a key signs, seals or imports. */
export type SecretKind = "signature" | "key" | "credential";

/**
 * The folder in which `make test` gathers what the services of all tests showed, and the secrets that they had, for
 * `scripts/leaks.ts`. Undefined where a test runs by itself: nothing is recorded then.
 */
const FOLDER = process.env.LEAK_FOLDER;
export const isRecording = FOLDER !== undefined;

const files = new Map<string, number>();

/** Records what a service showed. */
export function recordShown(place: Place, content: string | Uint8Array): void {
  append(place, Buffer.concat([Buffer.from(content), Buffer.from("\n")]));
}

/** Records a secret that no service may show. One of fewer than 16 bytes could occur by chance, and is not looked for. */
export function recordSecret(kind: SecretKind, value: string | Uint8Array): void {
  append("secrets", Buffer.from(`${kind} ${Buffer.from(value).toString("base64url")}\n`));
}

/** Records the signature of a token in compact serialisation. */
export function recordToken(token: string): void {
  recordSecret("signature", Buffer.from(token.slice(token.lastIndexOf(".") + 1), "base64url"));
}

function append(name: string, bytes: Buffer): void {
  if (FOLDER === undefined) return;
  let file = files.get(name);
  if (file === undefined) {
    // One file for each of AVA's workers, which write at the same time.
    file = openSync(join(FOLDER, `${name}.${process.pid}-${threadId}`), "a", 0o600);
    files.set(name, file);
  }
  writeSync(file, bytes);
}
