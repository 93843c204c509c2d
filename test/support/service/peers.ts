import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..", "..");
const BOUND_MS = 25_000;

/** A verifier in another language. It resolves with the subject of a valid token. */
export type Peer = (
  ...args: readonly [jwksUrl: string, issuer: string, audience: string, token: string]
) => Promise<string>;

/** A verifier with golang-jwt; undefined without Go or its modules. */
export async function goPeer(): Promise<Peer | undefined> {
  const folder = await peer("go", async (source, target) => {
    await run("go", ["build", "-o", join(target, "verify"), "."], {
      cwd: source,
      timeout: BOUND_MS,
      env: { ...process.env, GOFLAGS: "-modcacherw", GOTOOLCHAIN: "local" },
    });
  });
  return folder === undefined ? undefined : program(join(folder, "verify"), []);
}

/** A verifier with PyJWT; undefined without Python, pip or its packages. */
export async function pythonPeer(): Promise<Peer | undefined> {
  const env = await pythonEnv();
  const script = join(root, "test", "peers", "python", "verify.py");
  return env === undefined ? undefined : program("python3", [script], env);
}

/** The environment in which Python finds PyJWT; undefined without Python, pip or its packages. */
export async function pythonEnv(): Promise<NodeJS.ProcessEnv | undefined> {
  const folder = await peer("python", async (source, target) => {
    const pip = ["-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "5", "--target", target];
    await run("python3", [...pip, "-r", join(source, "requirements.txt")], { timeout: BOUND_MS });
  });
  return folder === undefined ? undefined : { ...process.env, PYTHONPATH: folder };
}

/** The complete folder that `build` fills, cached in .tools under a hash of the sources. */
async function peer(
  name: string,
  build: (source: string, target: string) => Promise<void>,
): Promise<string | undefined> {
  const source = join(root, "test", "peers", name);
  const hash = createHash("sha256");
  for (const file of readdirSync(source).toSorted()) hash.update(readFileSync(join(source, file)));
  const folder = join(root, ".tools", `peer-${name}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  await mkdir(join(root, ".tools"), { recursive: true });
  const draft = await mkdtemp(`${folder}-`);
  try {
    await build(source, draft);
    await rename(draft, folder);
  } catch {
    await rm(draft, { recursive: true, force: true });
  }
  // Another test run may have built it first.
  return existsSync(folder) ? folder : undefined;
}

function program(file: string, before: readonly string[], env: NodeJS.ProcessEnv = process.env): Peer {
  return async (...args) => {
    const { stdout } = await run(file, [...before, ...args], { timeout: BOUND_MS, env, cwd: tmpdir() });
    return stdout.trim();
  };
}
