import { spawnSync } from "node:child_process";
import { cpSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import test from "ava";
import { chooseEd25519, type LoadSodium, loadSodium } from "../../src/jose/ed25519/library.ts";
import { requireWholeAddon } from "../../src/jose/ed25519/whole-addon.ts";
import { tempFolder } from "../support/files/temp.ts";
import { testUnless } from "../support/unless-missing.ts";

const sodium = await loadSodium().catch(() => undefined);
const missing = sodium === undefined ? "the optional package sodium-native is not installed" : undefined;

async function choice(setting: "auto" | "openssl", load?: LoadSodium) {
  const { ed25519, why, error } = await chooseEd25519(setting, load);
  return { library: ed25519.library, why, ...(error instanceof Error && "code" in error && { code: error.code }) };
}

testUnless(missing, "libsodium is chosen where it is installed", async (t) => {
  t.deepEqual(await choice("auto"), { library: "libsodium", why: undefined });
});

test("OpenSSL is chosen where it is configured, and libsodium is not even loaded", async (t) => {
  const load = () => t.fail() as never;
  t.deepEqual(await choice("openssl", load), { library: "OpenSSL", why: "CONFIGURED" });
});

test("a package that is not installed leaves OpenSSL", async (t) => {
  const absent = "no-such-package-of-signet";
  t.deepEqual(await choice("auto", () => import(absent)), { library: "OpenSSL", why: "NOT_INSTALLED" });
});

/** The URL of a copy of the package whose add-ons `change` has changed. */
function copyPackage(folder: string, change: (addon: Buffer) => Buffer): string {
  const root = dirname(createRequire(import.meta.url).resolve("sodium-native/package.json"));
  // With the packages beside it, which it needs.
  const copied = join(folder, "node_modules/sodium-native");
  for (const name of [
    "sodium-native",
    "require-addon",
    "bare-addon-resolve",
    "bare-module-resolve",
    "bare-semver",
    "which-runtime",
  ])
    cpSync(join(root, "..", name), join(copied, "..", name), { recursive: true });
  for (const path of globSync("prebuilds/*/*.node", { cwd: copied }))
    writeFileSync(join(copied, path), change(readFileSync(join(copied, path))));
  return pathToFileURL(join(copied, "index.js")).href;
}

/** Loads such a copy. */
async function changedCopy(folder: string, change: (addon: Buffer) => Buffer): Promise<LoadSodium> {
  const entry = copyPackage(folder, change);
  return async () => {
    await requireWholeAddon(entry);
    return import(entry);
  };
}

testUnless(missing, "an add-on that is damaged, or of another architecture, leaves OpenSSL", async (t) => {
  const notLoaded = { library: "OpenSSL", why: "NOT_LOADED", code: "CANNOT_LOAD" };
  const damaged = await changedCopy(await tempFolder(t), (addon) => addon.fill(0, 0, 64));
  t.deepEqual(await choice("auto", damaged), notLoaded);
  const foreign = await changedCopy(await tempFolder(t), (addon) => {
    // e_machine of the ELF header: one that no Node runs on.
    addon.writeUInt16LE(0xfffe, 18);
    return addon;
  });
  t.deepEqual(await choice("auto", foreign), notLoaded);
});

testUnless(missing, "an add-on that is cut off leaves OpenSSL, though to load it would end the process", async (t) => {
  for (const part of [0.001, 0.5, 0.999]) {
    const cutOff = await changedCopy(await tempFolder(t), (addon) => addon.subarray(0, addon.length * part));
    t.deepEqual(await choice("auto", cutOff), { library: "OpenSSL", why: "NOT_LOADED" });
  }
  const entry = copyPackage(await tempFolder(t), (addon) => addon.subarray(0, addon.length / 2));
  const { signal } = spawnSync(process.execPath, [
    "--input-type=module",
    "-e",
    `await import(${JSON.stringify(entry)})`,
  ]);
  t.is(signal, "SIGBUS", "control");
});

testUnless(missing, "control: an unchanged copy of the package is chosen", async (t) => {
  const copy = await changedCopy(await tempFolder(t), (addon) => addon);
  t.deepEqual(await choice("auto", copy), { library: "libsodium", why: undefined });
});

testUnless(missing, "a library that makes other keys or signatures, or takes any, leaves OpenSSL", async (t) => {
  const real = sodium as NonNullable<typeof sodium>;
  const wrong: Partial<typeof real>[] = [
    { crypto_sign_detached: (signature) => void signature.fill(1) },
    { crypto_sign_verify_detached: () => true },
    { crypto_sign_verify_detached: () => false },
    {
      crypto_sign_seed_keypair(publicKey, secretKey, seed) {
        real.crypto_sign_seed_keypair(publicKey, secretKey, seed);
        publicKey.fill(1);
      },
    },
  ];
  for (const parts of wrong)
    t.deepEqual(await choice("auto", async () => ({ ...real, ...parts })), {
      library: "OpenSSL",
      why: "WRONG_ANSWERS",
    });
});

testUnless(missing, "a library that lacks a function leaves OpenSSL", async (t) => {
  const { sodium_malloc: _, ...rest } = sodium as NonNullable<typeof sodium>;
  t.deepEqual(await choice("auto", async () => rest as never), { library: "OpenSSL", why: "NOT_LOADED" });
});
