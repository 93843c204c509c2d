import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import packageJson from "../../package.json" with { type: "json" };
import { RejectionReason } from "../../src/gen/signet/v1/token.ts";
import { createMetrics } from "../../src/http/metrics/metrics.ts";
import { filesIn } from "../support/files/config-files.ts";
import { get } from "../support/service/get.ts";
import { importKey } from "../support/service/key-calls.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, type Service, startService, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const LOBBY = `profile: lobby
header: { typ: at+jwt }
keys: { keyset: service, algorithm: EdDSA }
lifetime: { exp: required, default: 5m, max: 10m }
request: { type: object }
claims:
  - { name: iss, from: issuer }
  - { name: exp, from: expires_at }
  - { name: room, from: request.room }
  - { name: seats, cel: "has(request.seats) ? request.seats + 1.0 : null" }
accept: { type: object }
context: { type: object }
warnings: [{ when: request.full > 1.0, code: FULL, message: m }]
rules: [{ require: context.room.startsWith(claims.room), reason: NOT_PERMITTED, message: m }]
`;

function callLabels(method: string, status: string): string {
  const name = `signet.v1.TokenService/${method}`;
  return `rpc_system_name="grpc",rpc_method="${name}",rpc_response_status_code="${status}"`;
}

/** The samples of /metrics by their name with labels; the text is checked line by line. */
async function scrape({ url }: Service): Promise<Map<string, number>> {
  const response = await get(`${url}/metrics`);
  if (!response.headers.get("content-type")?.startsWith("text/plain; version=0.0.4")) throw new Error("content type");
  return samplesIn(await response.text());
}

function samplesIn(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || /^# (?:HELP|TYPE) [a-z0-9_]+ ./.test(line)) continue;
    const sample =
      /^([a-z0-9_]+(?:\{[a-zA-Z_][a-zA-Z0-9_]*="[^"]*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="[^"]*")*\})?) (\S+)(?: \d+)?$/.exec(
        line,
      );
    if (sample?.[1] === undefined) throw new Error(`not a sample: ${line}`);
    samples.set(sample[1], Number(sample[2]));
  }
  return samples;
}

test("calls, tokens, denials, rejections, revocations and imports are counted, beside the build", async (t) => {
  const service = await startService(t, { env: { SIGNET_SIGNING_ED25519: "openssl" } });
  const { token } = await issue(service);
  await issue(service);
  t.is((await failureOf(issue(service, { subject: "" }))).code, "INVALID_ARGUMENT");
  await verify(service, token);
  await verify(service, token, { audience: "other" });
  await verify(service, "no token");
  t.is((await failureOf(issue(service, { profile: "none" }))).code, "NOT_FOUND");
  await revokeTokens(service, { tokenIds: ["a", "b", "a"] });
  await revokeTokens(service, { subject: "alice" });
  t.is((await failureOf(revokeTokens(service, {}))).code, "INVALID_ARGUMENT");
  await importKey(service, { profile: "shoplive", keyId: "first" });
  t.is((await failureOf(importKey(service, { profile: "shoplive", keyId: "first" }))).code, "ALREADY_EXISTS");
  const samples = await scrape(service);
  t.is(samples.get('signet_tokens_denied_total{profile="service",reason="INVALID_REQUEST"}'), 1);
  t.is(samples.get('signet_tokens_denied_total{profile="",reason="PROFILE_NOT_FOUND"}'), 1);
  t.is(samples.get('signet_revocations_total{profile="service",kind="token"}'), 2);
  t.is(samples.get('signet_revocations_total{profile="service",kind="subject"}'), 1);
  t.is(samples.get('signet_keys_imported_total{profile="shoplive"}'), 1);
  const build = `version="${packageJson.version}",node="${process.versions.node}",ed25519="OpenSSL"`;
  t.is(samples.get(`signet_build_info{${build}}`), 1);
  const calls = (method: string, code: string) => `rpc_server_call_duration_seconds_count{${callLabels(method, code)}}`;
  t.is(samples.get(calls("IssueToken", "OK")), 2);
  t.is(samples.get(calls("IssueToken", "INVALID_ARGUMENT")), 1);
  t.is(samples.get(calls("VerifyToken", "OK")), 3);
  t.is(samples.get('signet_tokens_issued_total{profile="service"}'), 2);
  const rejected = (reason: string) => `signet_tokens_rejected_total{profile="service",reason="${reason}"}`;
  t.is(samples.get(rejected("AUDIENCE_MISMATCH")), 1);
  t.is(samples.get(rejected("MALFORMED")), 1);
});

test("expressions of profiles that fail are counted by profile, kind, name and reason, those that are false are not", async (t) => {
  const folder = await filesIn(t, { "lobby.yaml": LOBBY });
  const service = await startService(t, { env: { SIGNET_PROFILES_FOLDER: folder } });
  const lobby = { profile: "lobby", subject: "", audience: [] };
  const failure = await failureOf(issue(service, { ...lobby, claims: { room: "r", seats: "many" } }));
  t.is(failure.code, "INVALID_ARGUMENT");
  const { token } = await issue(service, { ...lobby, claims: { room: "r" } });
  for (const context of [{ room: 1 }, { room: "x" }, undefined])
    t.is(
      (await verify(service, token, { profile: "lobby", audience: "", context })).rejection?.reason,
      RejectionReason.REJECTION_REASON_NOT_PERMITTED,
    );
  const samples = await scrape(service);
  const errors = (kind: string, name: string) =>
    samples.get(`signet_expression_errors_total{profile="lobby",kind="${kind}",name="${name}",reason="failed"}`);
  t.deepEqual([errors("claim", "seats"), errors("warning", "FULL"), errors("rule", "0")], [1, 1, 2]);
});

test("the duration of calls is a histogram whose last bucket holds every call", async (t) => {
  const service = await startService(t);
  await issue(service);
  const samples = await scrape(service);
  const labels = callLabels("IssueToken", "OK");
  t.is(samples.get(`rpc_server_call_duration_seconds_bucket{le="+Inf",${labels}}`), 1);
  t.true((samples.get(`rpc_server_call_duration_seconds_sum{${labels}}`) ?? 0) > 0);
});

test("the spool's depth, size and age show what NATS has not acknowledged", async (t) => {
  let ahead = 0;
  const service = await startService(t, { surroundings: { now: () => Date.now() + ahead } });
  const before = await scrape(service);
  await issue(service);
  ahead = 5_000;
  const after = await scrape(service);
  const grown = (name: string) => (after.get(name) ?? Number.NaN) - (before.get(name) ?? Number.NaN);
  t.is(grown("signet_audit_spool_events"), 1);
  t.true(grown("signet_audit_spool_bytes") > 100);
  t.true((after.get("signet_audit_spool_oldest_age_seconds") ?? 0) >= 5);
});

test("the spool is asked once for each scrape, and its values are left out when it can't answer", async (t) => {
  let asked = 0;
  const full = { events: 2, bytes: 300, limitBytes: 1_000, oldestAgeSeconds: 4, stored: 9 };
  let spool = async (): Promise<typeof full> => full;
  const { render, addSources } = createMetrics({ version: "1", node: "24", ed25519: "OpenSSL" });
  addSources({
    spool() {
      asked += 1;
      return spool();
    },
  });
  const spoolSamples = async () => {
    const samples = [...samplesIn((await render()).body)];
    return Object.fromEntries(samples.filter(([name]) => name.startsWith("signet_audit_")));
  };
  const all = {
    signet_audit_events_total: 9,
    signet_audit_spool_events: 2,
    signet_audit_spool_bytes: 300,
    signet_audit_spool_oldest_age_seconds: 4,
    signet_audit_spool_limit_bytes: 1_000,
  };
  t.deepEqual(await spoolSamples(), all);
  t.is(asked, 1);
  const works = spool;
  spool = () => Promise.reject(new Error("unreadable"));
  t.deepEqual(await spoolSamples(), {});
  spool = works;
  t.deepEqual(await spoolSamples(), all);
});

test("a keyset, certificate or setting that is gone leaves no sample behind", async (t) => {
  const { render, addSources } = createMetrics({ version: "1", node: "24", ed25519: "OpenSSL" });
  let rotations = [{ keyset: "a", at: 60_000 }];
  addSources({ rotations: () => rotations });
  const name = 'signet_next_rotation_timestamp_seconds{keyset="a"}';
  t.is(samplesIn((await render()).body).get(name), 60);
  rotations = [];
  t.false(samplesIn((await render()).body).has(name));
});

test("the time of the next rotation is shown by keyset", async (t) => {
  const samples = await scrape(await startService(t));
  const at = samples.get('signet_next_rotation_timestamp_seconds{keyset="service"}') ?? 0;
  const seconds = at - Date.now() / 1000;
  t.true(seconds > 86_000 && seconds <= 86_400, `${seconds} s with a period of 24 h`);
});

test("nothing is waited for while tokens are issued, and a kind of obstacle is shown while it lasts", async (t) => {
  const { app, url } = await startService(t, { env: { SIGNET_SHUTDOWN_DRAIN: "20s" } });
  const obstacles = async () => {
    const samples = samplesIn(await (await get(`${url}/metrics`)).text());
    return Object.fromEntries([...samples].filter(([name]) => name.startsWith("signet_obstacles")));
  };
  const kinds = ["start", "stop", "audit", "audit_settings", "state", "keys", "socket"];
  const clear = Object.fromEntries(kinds.map((kind) => [`signet_obstacles{kind="${kind}"}`, 0]));
  t.deepEqual(await obstacles(), clear);
  void app.stop("SIGTERM");
  await waitUntil("it stops", async () => (await obstacles())['signet_obstacles{kind="stop"}'] === 1);
});

test("warnings and errors of the log are counted by their event, those of alert rules from 0", async (t) => {
  const folder = await filesIn(t, { "lobby.yaml": LOBBY });
  const service = await startService(t, { env: { SIGNET_PROFILES_FOLDER: folder } });
  const events = async (event: string) => (await scrape(service)).get(`signet_log_events_total{event="${event}"}`);
  t.is(await events("profiles.refused"), 0);
  await writeFile(join(folder, "lobby.yaml"), "profile: 1");
  await service.app.reload();
  t.is(await events("profiles.refused"), 1);
  t.is(await events("ready"), undefined);
});

test("a profile's or keyset's name that a caller made up becomes no label", async (t) => {
  const service = await startService(t);
  t.is((await failureOf(issue(service, { profile: "made-up" }))).code, "NOT_FOUND");
  t.is((await failureOf(verify(service, "x", { profile: "made-up" }))).code, "NOT_FOUND");
  t.deepEqual(
    [...(await scrape(service)).keys()].filter((name) => name.includes("made-up")),
    [],
  );
});
