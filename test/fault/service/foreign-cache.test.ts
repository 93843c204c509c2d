import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { type Keyring, openKeyring } from "../../../src/keys/rotating/keyring.ts";
import { type KeyPolicy, keyPolicy } from "../../../src/keys/rotating/policy.ts";
import { makeOptions } from "../../keys/rotating/keyring-under-test.ts";
import { minute, second } from "../../keys/rotating/ring-under-test.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { follower, pythonEnv } from "../../support/service/peers.ts";

const CACHE = 10 * minute;
const TTL = 5 * minute;
const ROTATIONS = 6;
const BOUNDS = { maxTtl: TTL, propagation: minute, skew: minute, stopUsing: minute };
/** As fast as a cache of ten minutes allows for. */
const FITTING = keyPolicy({ ...BOUNDS, verifierCache: CACHE, activationDelay: 5 * minute, period: 18 * minute });
/** Every bound holds for verifiers that keep a JWKS for a minute. */
const TOO_SHORT = keyPolicy({ ...BOUNDS, verifierCache: minute, activationDelay: minute, period: 390 * second });

/** "valid", or why the token is not, at a time in Unix milliseconds. */
type Follower = (token: string, now: number) => Promise<string>;

// Before the first test: AVA takes none that is declared later.
const python = await pythonEnv();
followed("jose", async (t, url) => joseFollower(t, url));
if (python !== undefined) followed("PyJWT", async (t, url) => pyJwtFollower(t, url, python));
else test.skip("PyJWT follows a ring with a cache of ten minutes (skipped: it can't be had here)", () => undefined);

function followed(name: string, open: (t: ExecutionContext, jwksUrl: string) => Promise<Follower>): void {
  test.serial(
    `${name} keeps a JWKS for ten minutes and follows ${ROTATIONS} rotations without one failure`,
    async (t) => {
      t.deepEqual(await verdicts(t, FITTING, ROTATIONS, open), { valid: 2 * ROTATIONS * 18 });
    },
  );

  test.serial(`negative control: ${name} meets unknown keys where the lead is shorter than its cache`, async (t) => {
    const { valid = 0, "unknown key": unknown = 0, ...others } = await verdicts(t, TOO_SHORT, 5 * ROTATIONS, open);
    t.true(valid > 0 && unknown > 0);
    t.deepEqual(others, {});
  });
}

/** How often which verdict is given, a minute each, for a token that is new and for one that ends within a second. */
async function verdicts(
  t: ExecutionContext,
  policy: KeyPolicy,
  rotations: number,
  open: (t: ExecutionContext, jwksUrl: string) => Promise<Follower>,
): Promise<Partial<Record<string, number>>> {
  const { options, clock } = makeOptions({ policy });
  const keyring = await openKeyring(options);
  const follow = await open(t, await serveJwks(t, keyring, clock));
  const counts: Record<string, number> = {};
  const count = (verdict: string) => {
    counts[verdict] = (counts[verdict] ?? 0) + 1;
  };
  const last: { at: number; token: string }[] = [];
  const end = clock.now + rotations * policy.period;
  for (; clock.now < end || last.length > 0; clock.now += minute) {
    await keyring.maintain();
    const due = last[0]?.at === clock.now ? last.shift() : undefined;
    if (due !== undefined) count(await follow(due.token, due.at - second));
    if (clock.now >= end) continue;
    const token = signedBy(keyring, clock.now);
    count(await follow(token, clock.now));
    last.push({ at: clock.now + TTL, token });
  }
  return counts;
}

function signedBy(keyring: Keyring, now: number): string {
  const signer = keyring.signer(now);
  if (signer === undefined) throw new Error("no key signs");
  const iat = now / 1000;
  const header = { alg: "EdDSA", typ: "at+jwt", kid: signer.kid };
  const claims = { sub: "alice", aud: "api", iat, exp: iat + TTL / 1000 };
  const encoded = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return [...encoded, signer.sign(Buffer.from(encoded.join("."))).toString("base64url")].join(".");
}

async function serveJwks(t: ExecutionContext, keyring: Keyring, clock: { now: number }): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/jwk-set+json");
    response.end(JSON.stringify({ keys: keyring.jwks(clock.now) }));
  }).listen(0, "127.0.0.1");
  t.teardown(() => server.close());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
}

/** Its cache goes by `Date.now`, which is moved while it works. */
function joseFollower(t: ExecutionContext, jwksUrl: string): Follower {
  const real = Date.now;
  t.teardown(() => {
    Date.now = real;
  });
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    cacheMaxAge: CACHE,
    cooldownDuration: CACHE,
    timeoutDuration: HANGS_MS,
  });
  return async (token, now) => {
    Date.now = () => now;
    try {
      await jwtVerify(token, keys, { algorithms: ["EdDSA"], audience: "api", currentDate: new Date(now) });
      return "valid";
    } catch (error) {
      return error instanceof errors.JWKSNoMatchingKey ? "unknown key" : String(error);
    } finally {
      Date.now = real;
    }
  };
}

function pyJwtFollower(t: ExecutionContext, jwksUrl: string, env: NodeJS.ProcessEnv): Follower {
  const script = join(import.meta.dirname, "..", "..", "peers", "python", "follow.py");
  const follow = follower(t, "python3", [script, jwksUrl, String(CACHE / 1000)], env);
  return (token, now) => follow(`${now / 1000} ${token}`);
}
