import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { HANGS_MS } from "../bounded.ts";
import type { Ending } from "./shared.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..", "..");
const PEERS = join(root, "test", "peers");
/** Libraries of a few megabytes, on a machine that does much else: where they are too late, a test is skipped. */
const BUILD_MS = 120_000;

/** A verifier in another language. It resolves with the subject of a valid token. */
export type Peer = (
  ...args: readonly [jwksUrl: string, issuer: string, audience: string, token: string]
) => Promise<string>;

/** A verifier that runs, and answers one line with one line. */
export type Follower = (line: string) => Promise<string>;

/**
 * Starts a verifier that finds the keys from the issuer's name. It answers a token with its subject, or why not. Over
 * https the issuer's certificate is of the CA in the file.
 */
export type Discoverer = (t: Ending, issuer: string, audience: string, caFile?: string) => Follower;

/** A verifier with golang-jwt; undefined without Go or its modules. */
export async function goPeer(): Promise<Peer | undefined> {
  const path = await goProgram("go");
  return path === undefined ? undefined : program(path, []);
}

/** A verifier with go-oidc; undefined without Go or its modules. */
export async function goOidcPeer(): Promise<Discoverer | undefined> {
  const path = await goProgram("go-oidc");
  if (path === undefined) return undefined;
  return (t, issuer, audience, caFile) => {
    const env = caFile === undefined ? process.env : { ...process.env, SSL_CERT_FILE: caFile };
    return follower(t, path, [issuer, audience], env);
  };
}

/** What prints the event of a receipt that is valid; undefined without Go or its modules. */
export async function goReceiptReader() {
  const path = await goProgram("go-receipt");
  if (path === undefined) return undefined;
  return async (verifierKey: string, receiptFile: string) =>
    (await run(path, [verifierKey, receiptFile], { timeout: HANGS_MS })).stdout.trimEnd();
}

/** A verifier with Nimbus; undefined without a JDK, Maven or its libraries. */
export async function nimbusPeer(): Promise<Discoverer | undefined> {
  const folder = await built("nimbus", join(PEERS, "nimbus"), async (source, target) => {
    const copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
    const maven = ["-q", "-B", copy, `-DoutputDirectory=${join(target, "lib")}`];
    await run("mvn", maven, { cwd: source, timeout: BUILD_MS });
    await run("javac", ["-cp", join(target, "lib", "*"), "-d", target, join(source, "Follow.java")], {
      timeout: BUILD_MS,
    });
  });
  if (folder === undefined) return undefined;
  const classes = `${folder}:${join(folder, "lib", "*")}`;
  return (t, ...args) => follower(t, "java", ["-cp", classes, "Follow", ...args.filter((arg) => arg !== undefined)]);
}

/** A verifier with PyJWT; undefined without Python, pip or its packages. */
export async function pythonPeer(): Promise<Peer | undefined> {
  const env = await pythonEnv();
  const script = join(root, "test", "peers", "python", "verify.py");
  return env === undefined ? undefined : program("python3", [script], env);
}

/** The environment in which Python finds PyJWT; undefined without Python, pip or its packages. */
export async function pythonEnv(): Promise<NodeJS.ProcessEnv | undefined> {
  return pythonPackages("python", join(PEERS, "python"));
}

async function pythonPackages(name: string, sources: string): Promise<NodeJS.ProcessEnv | undefined> {
  const folder = await built(name, sources, async (source, target) => {
    const pip = ["-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "5", "--target", target];
    await run("python3", [...pip, "-r", join(source, "requirements.txt")], { timeout: BUILD_MS });
  });
  return folder === undefined ? undefined : { ...process.env, PYTHONPATH: folder };
}

const SUBSCRIBERS = join(root, "examples", "subscribers");

/** The subscriber in Go of `examples/subscribers`, built; undefined without Go or its modules. */
export async function goSubscriber(): Promise<string | undefined> {
  return goProgram("go-subscriber", SUBSCRIBERS);
}

/** The environment of the subscriber in Python of `examples/subscribers`; undefined without pip or its packages. */
export async function pythonSubscriberEnv(): Promise<NodeJS.ProcessEnv | undefined> {
  return pythonPackages("python-subscriber", SUBSCRIBERS);
}

/** Starts a program that answers each line with one; it ends with the test. */
export function follower(t: Ending, file: string, args: readonly string[], env = process.env): Follower {
  const child = spawn(file, args, { env, cwd: tmpdir(), stdio: ["pipe", "pipe", "inherit"] });
  t.teardown(() => child.kill());
  // One that has ended is told by its answer.
  child.stdin.on("error", () => undefined);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return async (line) => {
    child.stdin.write(`${line}\n`);
    const { value = "it ended" } = await lines.next();
    return value;
  };
}

/** The path of the program that Go builds; undefined without Go or its modules. */
async function goProgram(name: string, sources = join(PEERS, name)): Promise<string | undefined> {
  const folder = await built(name, sources, async (source, target) => {
    await run("go", ["build", "-o", join(target, "verify"), "."], {
      cwd: source,
      timeout: BUILD_MS,
      env: { ...process.env, GOFLAGS: "-modcacherw", GOTOOLCHAIN: "local" },
    });
  });
  return folder && join(folder, "verify");
}

/** The complete folder that `build` fills, cached in .tools under a hash of the sources. */
async function built(
  name: string,
  source: string,
  build: (source: string, target: string) => Promise<void>,
): Promise<string | undefined> {
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
    const { stdout } = await run(file, [...before, ...args], { timeout: HANGS_MS, env, cwd: tmpdir() });
    return stdout.trim();
  };
}
