import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { errors, type JSONWebKeySet } from "jose";
import { keyPolicy } from "../../../src/keys/rotating/policy.ts";
import { clockFile, startClocked } from "../../support/replicas/clocked-service.ts";
import { get } from "../../support/service/get.ts";
import { type Load, startLoad } from "../../support/service/load.ts";
import type { RemoteService } from "../../support/service/remote-service.ts";
import { issue, listKeys, type Service, verify } from "../../support/service/service.ts";
import { type ForeignVerifier, foreignVerifier } from "../../support/tokens/foreign-verifier.ts";

/** C, in milliseconds. */
const VERIFIER_CACHE = 1000;
/** A slow machine delays what is fetched and answered: P and S leave it 8.5 s. */
const ROTATION = keyPolicy({
  period: 10_000,
  verifierCache: VERIFIER_CACHE,
  propagation: 8_000,
  stopUsing: 100,
  skew: 500,
  activationDelay: 300,
  maxTtl: 70_000,
});
const LEAD = 9500;
const TTL = 5;
const WORKERS = 4;
const ROTATIONS = 4;

const jwksUrlOf = ({ url }: Pick<Service, "url">) => `${url}/.well-known/jwks.json`;
const issueShort = (service: Service) => issue(service, { ttl: { seconds: BigInt(TTL), nanos: 0 } });

async function startRotating(t: ExecutionContext): Promise<RemoteService> {
  return startClocked(t, await clockFile(t), { policy: ROTATION });
}

test("through four rotations under load no call fails, and no verifier meets a key that it does not know", async (t) => {
  const service = await startRotating(t);
  const shownAt = new Map<string, number>();
  const poller = startPoller(service, shownAt);
  const signedAt = new Map<string, number>();
  const atLastSecond: Promise<unknown>[] = [];
  const foreign = foreignVerifier(jwksUrlOf(service), VERIFIER_CACHE);
  const rotated = Promise.withResolvers<void>();

  const load = startLoad(WORKERS, async () => {
    const { token, keyId } = await issueShort(service);
    if (!signedAt.has(keyId)) signedAt.set(keyId, Date.now());
    if (signedAt.size > ROTATIONS) rotated.resolve();
    await requireValid(service, foreign, token);
    const lasting = pause((TTL - 1) * 1000).then(() => requireValid(service, foreign, token));
    atLastSecond.push(lasting.catch((error) => error));
  });
  await Promise.race([rotated.promise, load.ended]);
  await load.stop();
  const failures = (await Promise.all(atLastSecond)).filter((outcome) => outcome !== undefined);
  await poller.stop();

  t.deepEqual(failures, [], "each token is valid in its last second");
  t.log(`${atLastSecond.length} tokens of ${signedAt.size} keys`);
  await requireLeads(t, service, shownAt, signedAt);
});

/** Rejects unless both the service and a foreign verifier take the token. */
async function requireValid(service: Service, foreign: ForeignVerifier, token: string): Promise<void> {
  const { valid, rejection } = await verify(service, token);
  if (!valid) throw new Error(`the service rejects a token: ${rejection?.message}`);
  await foreign(token);
}

/** Notes when each kid was in the JWKS for the first time. */
function startPoller(service: Service, shownAt: Map<string, number>): Load {
  return startLoad(1, async () => {
    const { keys } = await fetchJwks(service);
    for (const { kid } of keys) {
      if (kid !== undefined && !shownAt.has(kid)) shownAt.set(kid, Date.now());
    }
    await pause(20);
  });
}

async function fetchJwks(service: Service): Promise<JSONWebKeySet> {
  return (await get(jwksUrlOf(service))).json() as Promise<JSONWebKeySet>;
}

/** Of all keys but the first, which no verifier could have missed. */
async function requireLeads(
  t: ExecutionContext,
  service: Service,
  shownAt: ReadonlyMap<string, number>,
  signedAt: ReadonlyMap<string, number>,
): Promise<void> {
  const { keys } = await listKeys(service);
  const [, ...later] = signedAt;
  t.true(later.length >= ROTATIONS);
  for (const [kid, firstSigned] of later) {
    const { publishAt, signFrom } = keys.find(({ keyId }) => keyId === kid) ?? {};
    t.true(Number(signFrom) - Number(publishAt) >= LEAD, `${kid} was to be published ${LEAD} ms before it signs`);
    // A verifier that fetched the JWKS before the kid was in it no longer caches that one.
    t.true(firstSigned - (shownAt.get(kid) ?? Number.NaN) >= VERIFIER_CACHE, `${kid} was shown too late`);
  }
}

test("negative control: a verifier that keeps keys for longer than is configured meets one that it does not know", async (t) => {
  const service = await startRotating(t);
  await requireUnknownKey(t, service, foreignVerifier(jwksUrlOf(service), 60_000), () => undefined);
});

test("negative control: where a key is shown only when it signs, a verifier meets one that it does not know", async (t) => {
  const service = await startRotating(t);
  const signing = new Set<string>();
  const jwksUrl = await withoutLead(t, service, signing);
  await requireUnknownKey(t, service, foreignVerifier(jwksUrl, VERIFIER_CACHE), (kid) => signing.add(kid));
});

/** Issues and verifies through as many rotations as the real verifier outlives. */
async function requireUnknownKey(
  t: ExecutionContext,
  service: Service,
  foreign: ForeignVerifier,
  signs: (kid: string) => unknown,
): Promise<void> {
  const kids = new Set<string>();
  const load = startLoad(1, async () => {
    const { token, keyId } = await issueShort(service);
    signs(keyId);
    kids.add(keyId);
    if (kids.size > ROTATIONS + 1) throw new Error(`${ROTATIONS} rotations without an unknown key`);
    await foreign(token);
  });
  const [failure] = await load.ended;
  t.true(failure instanceof errors.JWKSNoMatchingKey, String(failure));
}

/** The service's JWKS as one that rotates without a lead would show it. */
async function withoutLead(t: ExecutionContext, service: Service, signing: ReadonlySet<string>): Promise<string> {
  const server = createServer(async (_, response) => {
    const { keys } = await fetchJwks(service);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys: keys.filter(({ kid }) => kid !== undefined && signing.has(kid)) }));
  }).listen(0, "127.0.0.1");
  t.teardown(() => server.close());
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
