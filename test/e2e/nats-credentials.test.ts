import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { ExecutionContext } from "ava";
import type { LogEvent } from "../../src/app/log.ts";
import { tail } from "../../src/nats/audit/tail.ts";
import { collect } from "../support/collect.ts";
import { tempFolder } from "../support/files/temp.ts";
import { recordSecret } from "../support/leaks/record.ts";
import { isEvent } from "../support/nats/audit-stream.ts";
import { trailFaults } from "../support/nats/audit-trail.ts";
import { serialTestWithNats } from "../support/nats/nats-server.ts";
import { accessWith, secretFile, startSecureNats } from "../support/nats/secure-nats.ts";
import { untilReady } from "../support/replicas/bucket-owner.ts";
import { get } from "../support/service/get.ts";
import { rotateKeys } from "../support/service/key-calls.ts";
import { startLoad } from "../support/service/load.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { issue, type Service, startService, verifyOnce } from "../support/service/service.ts";
import { clientCertificate, writeIssued } from "../support/tls/certificates.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Names and passwords, long enough for the search for leaks. */
const [ONE, TWO] = [randomBytes(24).toString("base64url"), randomBytes(24).toString("base64url")];

const usersOf = (...words: readonly string[]) =>
  `authorization { users: [${words.map((word) => `{ user: "${word}", password: "${word}" }`).join(", ")}] }`;

/** A replica that reaches its NATS by a certificate and a password, both in files that the test replaces. */
async function certifiedReplica(t: ExecutionContext) {
  const nats = await startSecureNats(t, { verify: true, users: usersOf(ONE) });
  const folder = await tempFolder(t);
  const newCertificate = async (days = 1) => {
    const notAfter = new Date(Date.now() + days * 86_400_000);
    return writeIssued(folder, "client", await clientCertificate(nats.authority, { notAfter }));
  };
  const { cert, key } = await newCertificate();
  const user = await secretFile(folder, "user", ONE);
  const password = await secretFile(folder, "password", ONE);
  const log: LogEvent[] = [];
  const service = await startService(t, {
    env: {
      SIGNET_NATS_URL: nats.url,
      SIGNET_NATS_TLS_CA: nats.ca,
      SIGNET_NATS_TLS_CERT: cert,
      SIGNET_NATS_TLS_KEY: key,
      SIGNET_NATS_USER_FILE: user,
      SIGNET_NATS_PASSWORD_FILE: password,
      SIGNET_STATE_STORE: "nats",
      SIGNET_STATE_FIRST_START: "true",
    },
    surroundings: { log: (_, event) => void log.push(event) },
  });
  await untilReady(service);
  const logged = (type: LogEvent["type"]) => log.filter((event) => event.type === type).length;
  const renewed = (times: number) =>
    waitUntil(`both connections are renewed ${times} times`, () => {
      return logged("nats.renewed") >= times && logged("store.renewed") >= times;
    });
  const access = accessWith(nats, { ca: nats.ca, cert, key, user, password });
  return { nats, service, log, logged, renewed, newCertificate, user, password, access };
}

/** How long the certificate for NATS has counted, and how long it still will, by the metrics. */
async function daysOfCertificate({ url }: Pick<Service, "url">) {
  const text = await (await get(`${url}/metrics`)).text();
  const daysUntil = (time: string) => {
    const metric = new RegExp(`^signet_certificate_${time}_timestamp_seconds\\{place="nats"\\} (.*)$`, "m");
    return Math.round((Number(metric.exec(text)?.[1]) - Date.now() / 1000) / 86_400);
  };
  return { past: -daysUntil("not_before"), left: daysUntil("expiry") };
}

serialTestWithNats("credentials and certificates of NATS are exchanged under load, and no event is lost", async (t) => {
  const { nats, service, log, logged, renewed, newCertificate, user, password, access } = await certifiedReplica(t);
  const ids: string[] = [];
  const load = startLoad(4, async () => {
    const { token, tokenId } = await issue(service);
    ids.push(tokenId);
    t.true((await verifyOnce(service, token, { consume: true })).valid);
    await revokeTokens(service, { tokenIds: [tokenId] });
    t.false((await verifyOnce(service, token)).valid);
  });
  await load.more(20);
  t.deepEqual(await daysOfCertificate(service), { past: 1, left: 1 });

  await nats.exchangeUsers(usersOf(ONE, TWO));
  await writeFile(user, TWO);
  recordSecret("credential", TWO);
  await writeFile(password, TWO);
  await renewed(1);
  await nats.exchangeUsers(usersOf(TWO));
  await load.more(20);

  await newCertificate(10);
  await renewed(2);
  t.deepEqual(await daysOfCertificate(service), { past: 1, left: 10 });
  await rotateKeys(service);
  await load.more(20);

  await writeFile(password, "geheim");
  await waitUntil("both say that they keep the old one", () => {
    return logged("nats.not_renewed") > 0 && logged("store.not_renewed") > 0;
  });
  await load.more(20);
  await load.stop();
  for (const type of ["store.down", "nats.down", "audit.retrying", "replica.cut_off"] as const)
    t.deepEqual(
      log.filter((event) => event.type === type),
      [],
      type,
    );
  t.false(JSON.stringify(log).includes("geheim"), JSON.stringify(log));

  await writeFile(password, TWO);
  await service.app.stop("SIGTERM");
  const { signal } = new AbortController();
  const trail = await collect(tail({ access, subjects: ["signet.audit.>"], follow: false, signal }));
  t.deepEqual(trailFaults(trail.filter(isEvent), ids), {});
  t.true(ids.length >= 80);
});
