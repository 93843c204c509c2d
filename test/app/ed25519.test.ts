import test from "ava";
import type { Log, LogEvent } from "../../src/app/log.ts";
import { type LoadSodium, loadSodium } from "../../src/jose/ed25519/library.ts";
import { tempFolder } from "../support/files/temp.ts";
import { get } from "../support/service/get.ts";
import { issue, startService, verify } from "../support/service/service.ts";
import type { Ending } from "../support/service/shared.ts";
import { testUnless } from "../support/unless-missing.ts";

const sodium = await loadSodium().catch(() => undefined);
const missing = sodium === undefined ? "the optional package sodium-native is not installed" : undefined;

/** A service on this data, what it says of the library, and a token of it. */
async function started(
  t: Ending,
  data: string,
  { load, env = {} }: { load?: LoadSodium; env?: Record<string, string> },
) {
  const events: { readonly level: string; readonly event: LogEvent }[] = [];
  const log: Log = (level, event) => void events.push({ level, event });
  const surroundings = { log, ...(load && { loadSodium: load }) };
  const service = await startService(t, { data, env, surroundings });
  const metrics = await (await get(`${service.url}/metrics`)).text();
  const told = events.flatMap(({ event }) => (event.type === "ready" ? event.ed25519 : []));
  const fallback = events.flatMap(({ level, event }) =>
    event.type === "ed25519.openssl" ? [[level, event.reason, event.error]] : [],
  );
  return {
    service,
    told,
    fallback,
    shown: /^signet_build_info\{.*ed25519="(.*)"\} 1$/m.exec(metrics)?.[1],
    token: (await issue(service)).token,
  };
}

const broken = Object.assign(new Error("Cannot load addon"), { code: "CANNOT_LOAD" });

test("a service whose add-on can't be loaded serves with OpenSSL, and says so in log and metrics", async (t) => {
  const load = () => Promise.reject(broken);
  const { service, told, fallback, shown, token } = await started(t, await tempFolder(t), { load });
  t.deepEqual(told, ["OpenSSL"]);
  t.deepEqual(fallback, [["warn", "NOT_LOADED", broken]]);
  t.is(shown, "OpenSSL");
  t.true((await verify(service, token)).valid);
});

test("without the package, and where it is switched off, that is no warning", async (t) => {
  const absent = "no-such-package-of-signet";
  const without = await started(t, await tempFolder(t), { load: () => import(absent) });
  t.deepEqual(without.fallback, [["info", "NOT_INSTALLED", undefined]]);
  const env = { SIGNET_SIGNING_ED25519: "openssl" };
  const off = await started(t, await tempFolder(t), { load: () => Promise.reject(broken), env });
  t.deepEqual(off.fallback, [["info", "CONFIGURED", undefined]]);
});

testUnless(
  missing,
  "a service may have the other library at each start: its keys and tokens stay the same",
  async (t) => {
    const data = await tempFolder(t);
    const tokens: string[] = [];
    for (const library of ["libsodium", "OpenSSL", "libsodium"]) {
      const env = { SIGNET_SIGNING_ED25519: library === "OpenSSL" ? "openssl" : "auto" };
      const { service, told, shown, token } = await started(t, data, { env });
      t.deepEqual([told, shown], [[library], library]);
      tokens.push(token);
      for (const known of tokens) t.true((await verify(service, known)).valid);
      const forged = `${token.slice(0, token.lastIndexOf("."))}.${"A".repeat(86)}`;
      t.false((await verify(service, forged)).valid);
      await service.app.stop("TEST");
    }
  },
);
