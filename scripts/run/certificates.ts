import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { RunError } from "./run-error.ts";

/** A certificate that ends today would end while it is tried out. */
const MARGIN_MS = 86_400_000;

/** The pairs of `signet dev certs`. Nothing needs the key of their CA any more. */
const PAIRS = ["server", "shop", "gateway", "operator"];

/**
 * Makes the certificates of `signet dev certs` in a folder, unless all of them are there and valid for another day. A
 * policy that is there is kept. Resolves with whether it made some.
 */
export async function provideCertificates(folder: string, signal: AbortSignal): Promise<boolean> {
  const files = [join(folder, "ca.crt"), ...PAIRS.map((name) => join(folder, `${name}.crt`))];
  const others = [join(folder, "policy.yaml"), ...PAIRS.map((name) => join(folder, `${name}.key`))];
  if (files.every(isValid) && others.every(existsSync)) return false;
  const command = ["src/main.ts", "dev", "certs", "--out", folder, "--force"];
  try {
    await promisify(execFile)(process.execPath, command, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new RunError(`no certificates can be made: ${(error as { readonly stderr?: string }).stderr?.trim()}`);
  }
  return true;
}

function isValid(file: string): boolean {
  try {
    return new X509Certificate(readFileSync(file)).validToDate.getTime() > Date.now() + MARGIN_MS;
  } catch {
    return false;
  }
}

/** The variables of a service that uses them. */
export function serviceVariables(folder: string): Record<string, string> {
  return {
    SIGNET_GRPC_TLS_SOURCE: "files",
    SIGNET_GRPC_TLS_CERT: join(folder, "server.crt"),
    SIGNET_GRPC_TLS_KEY: join(folder, "server.key"),
    SIGNET_GRPC_TLS_CLIENT_CA: join(folder, "ca.crt"),
    SIGNET_CALLERS_TRUST_DOMAINS: "example.org",
    SIGNET_ACCESS_POLICY: join(folder, "policy.yaml"),
  };
}

/** The files by which a command calls as `spiffe://example.org/shop`. */
export function callerFiles(folder: string) {
  return { ca: join(folder, "ca.crt"), cert: join(folder, "shop.crt"), key: join(folder, "shop.key") };
}
