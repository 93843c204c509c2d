import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Metadata } from "@grpc/grpc-js";
import test from "ava";
import { RejectionReason, VerifyTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { filesIn } from "../support/files/config-files.ts";
import { tempFolder } from "../support/files/temp.ts";
import { get } from "../support/service/get.ts";
import { type RemoteService, startRemote, untilLogged } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, verify } from "../support/service/service.ts";

const CLUB = `profile: club
header: { typ: at+jwt }
keys: { keyset: service, algorithm: EdDSA }
lifetime: { exp: required, default: 5m, max: 10m }
request: { type: object }
claims:
  - { name: iss, from: issuer }
  - { name: exp, from: expires_at }
  - { name: roles, from: request.roles }
  - { name: common, cel: "has(request.with) && request.roles.exists(r, request.with.exists(w, w == r))" }
accept: { type: object }
context: { type: object }
warnings: [{ when: "request.roles.exists(r, request.roles.exists(w, w != r))", code: MIXED, message: m }]
rules: [{ require: "claims.roles.exists(r, context.roles.exists(w, w == r))", reason: NOT_PERMITTED, message: m }]
`;

const NOBODY = { profile: "club", subject: "", audience: [] };
const AT_CLUB = { profile: "club", audience: "" };

test("rules, claims and warnings that would take seconds are answered, and so are honest calls beside them", async (t) => {
  const folder = await filesIn(t, { "club.yaml": CLUB });
  const service = await startRemote(t, { data: await tempFolder(t), env: { SIGNET_PROFILES_FOLDER: folder } });
  const roles = Array(2_700).fill(1);
  const { token, warnings } = await issue(service, { ...NOBODY, claims: { roles } });
  t.deepEqual(warnings, []);
  const honest = await issue(service);

  // Each took the loop 6.5 s, and the deadline of all is 10 s.
  const costly = Array.from({ length: 20 }, () =>
    verify(service, token, { ...AT_CLUB, context: { roles: Array(3_900).fill(2) } }),
  );
  const refused = Array.from({ length: 5 }, () =>
    failureOf(issue(service, { ...NOBODY, claims: { roles: Array(1_800).fill(1), with: Array(1_800).fill(2) } })),
  );
  const beside = Array.from({ length: 100 }, () => verify(service, honest.token));
  for (const { valid } of await Promise.all(beside)) t.true(valid);
  for (const { rejection } of await Promise.all(costly))
    t.is(rejection?.reason, RejectionReason.REJECTION_REASON_NOT_PERMITTED);
  for (const { code, violations } of await Promise.all(refused)) {
    t.is(code, "INVALID_ARGUMENT");
    t.deepEqual(violations, [
      { field: "claims", description: "must be smaller: to compute the claim common of it would take too long" },
    ]);
  }

  // The sizes decide: with short lists the same rule permits.
  const short = await issue(service, { ...NOBODY, claims: { roles: [1, 2] } });
  t.deepEqual(
    short.warnings.map(({ code }) => code),
    ["MIXED"],
  );
  t.true((await verify(service, short.token, { ...AT_CLUB, context: { roles: [2] } })).valid);

  const metrics = await (await get(`${service.url}/metrics`)).text();
  for (const [kind, name, count] of [
    ["rule", "0", 20],
    ["claim", "common", 5],
    ["warning", "MIXED", 1],
  ])
    t.true(
      metrics.includes(
        `signet_expression_errors_total{profile="club",kind="${kind}",name="${name}",reason="too_costly"} ${count}\n`,
      ),
      `${kind} ${name}`,
    );
  for (const kind of ["rule", "claim", "warning"])
    await untilLogged(service, (log) =>
      log.some((line) => line.event === "expression.too_costly" && line.kind === kind),
    );
});

test("negative control: without the limit, honest calls are not answered beside two such rules", async (t) => {
  const folder = await filesIn(t, { "club.yaml": CLUB.replace(/^warnings:.*\n/m, "") });
  const program = fileURLToPath(new URL("unlimited-service.ts", import.meta.url));
  const env = { SIGNET_PROFILES_FOLDER: folder };
  const service = await startRemote(t, { data: await tempFolder(t), env, program });
  const { token } = await issue(service, { ...NOBODY, claims: { roles: Array(2_700).fill(1) } });
  const costly = [1, 2].map(() => verify(service, token, { ...AT_CLUB, context: { roles: Array(3_900).fill(2) } }));
  const abandoned = Promise.allSettled(costly);
  t.is((await failureOf(verifyWithin(1_500, service, token))).code, "DEADLINE_EXCEEDED");
  await service.process.kill9();
  await abandoned;
});

/** Verifies a token at the club with a deadline of so many milliseconds. */
function verifyWithin(ms: number, { tokens }: RemoteService, token: string): Promise<unknown> {
  const credential = { $case: "token", value: token } as const;
  const request = VerifyTokenRequest.fromPartial({ ...AT_CLUB, credential, context: { roles: [1] } });
  const call = tokens.verifyToken.bind(tokens, request, new Metadata(), { deadline: Date.now() + ms });
  return promisify(call)();
}
