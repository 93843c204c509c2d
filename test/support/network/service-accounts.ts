import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { tempFolder } from "../files/temp.ts";
import { type Authority, writeIssued } from "../tls/certificates.ts";
import { testIssuer } from "../tokens/issuer.ts";
import type { Machine } from "./machines.ts";

const PROGRAM = fileURLToPath(new URL("jwks-process.ts", import.meta.url));

/** A stand-in for the part of Kubernetes that projects tokens of service accounts, and publishes their keys. */
export interface ServiceAccounts {
  /** The `iss` of the tokens, and where the keys are. */
  readonly url: string;
  /** Writes a token of this subject, as the kubelet does into a Pod. Resolves with the path. */
  project(name: string, subject: string): Promise<string>;
  /** Signs by a new key from now on, which is published. */
  rotate(kid: string): Promise<void>;
}

export async function startServiceAccounts(
  t: ExecutionContext,
  machine: Machine,
  authority: Authority,
  audience: string,
): Promise<ServiceAccounts> {
  const folder = await tempFolder(t);
  const issuer = testIssuer("RS256");
  const jwks = join(folder, "jwks.json");
  const url = `https://${machine.address}:6443`;
  const publish = () => writeFile(jwks, issuer.jwks());
  await publish();
  const files = await writeIssued(
    folder,
    "server",
    await authority.issue({ names: [["ip", machine.address]], usages: ["server"] }),
  );
  const words = [...machine.under, process.execPath, PROGRAM, machine.address, "6443", files.cert, files.key, jwks];
  const child = spawn(words[0] ?? "", words.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return {
    url,
    async project(name, subject) {
      const path = join(folder, name);
      const iat = Math.floor(Date.now() / 1000);
      await writeFile(path, issuer.sign({ iss: url, aud: [audience], sub: subject, iat, exp: iat + 3600 }));
      return path;
    },
    async rotate(kid) {
      issuer.rotate(kid);
      await publish();
    },
  };
}
