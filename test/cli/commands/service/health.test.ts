import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { HEALTH_NAMES } from "../../../../src/cli/commands/service/health.ts";
import {
  HealthCheckResponse_ServingStatus as Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthClient,
  type HealthListResponse,
  HealthService,
} from "../../../../src/gen/grpc/health/v1/health.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { startService } from "../../../support/service/service.ts";
import { createAuthority } from "../../../support/tls/certificates.ts";
import { tlsFiles } from "../../../support/tls/tls-files.ts";
import { grpcTlsEnv, OWN_CONNECTION, uncertified } from "../../../support/tls/tls-service.ts";
import { signet, terminal } from "../../terminal.ts";

type Answer = Health | { code: status; details: string };

/** Answers each check in turn, and then the last answer for ever; records the names that it was asked for. */
async function fakeHealth(t: ExecutionContext, answers: readonly [Answer, ...Answer[]], address = "127.0.0.1:0") {
  const asked: string[] = [];
  const server = new Server();
  server.addService(HealthService, {
    check({ request }: ServerUnaryCall<HealthCheckRequest, unknown>, callback: sendUnaryData<HealthCheckResponse>) {
      const answer = answers[Math.min(asked.push(request.service), answers.length) - 1] ?? answers[0];
      if (typeof answer === "object") callback(answer);
      else callback(null, { status: answer });
    },
    watch: () => {},
    list: () => {},
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  t.teardown(() => server.forceShutdown());
  return { asked, env: { SIGNET_ADDRESS: address.startsWith("unix:") ? address : `127.0.0.1:${port}` } };
}

test("a service that serves is one line and code 0, as text and as JSON", async (t) => {
  const { env, asked } = await fakeHealth(t, [Health.SERVING]);
  t.deepEqual(await signet(["health"], { env }), { code: 0, stdout: "SERVING\n", stderr: "" });
  const { code, stdout } = await signet(["health", "--json"], { env });
  t.deepEqual([code, JSON.parse(stdout)], [0, { status: "SERVING" }]);
  t.deepEqual(asked, ["", ""]);
});

test("one that does not serve is code 1, with where the reason is", async (t) => {
  const { env, asked } = await fakeHealth(t, [Health.NOT_SERVING]);
  const words = ["health", "--service", "signet.v1.TokenService/IssueToken"];
  t.deepEqual(await signet(words, { env }), {
    code: 1,
    stdout: "NOT_SERVING: /readyz and the log of the service say why\n",
    stderr: "",
  });
  const { code, stdout } = await signet([...words, "--json"], { env });
  t.deepEqual([code, JSON.parse(stdout)], [1, { status: "NOT_SERVING" }]);
  t.deepEqual(asked, Array(2).fill("signet.v1.TokenService/IssueToken"));
});

test("nobody there is code 69, and a refusal code 2, each with its reason", async (t) => {
  const nobody = await signet(["health", "--address", `unix:${join(await tempFolder(t), "none")}`]);
  t.is(nobody.code, 69);
  t.regex(nobody.stderr, /^error: UNAVAILABLE: no Signet answers at unix:\S+: connect ENOENT /);
  const { env } = await fakeHealth(t, [{ code: status.UNIMPLEMENTED, details: "no health here" }]);
  const refused = { code: 2, stdout: "", stderr: "error: UNIMPLEMENTED: no health here\n" };
  t.deepEqual(await signet(["health", "--wait", "1h"], { env }), refused, "asking again would not help");
});

test("--wait asks again until the service serves", async (t) => {
  const { env, asked } = await fakeHealth(t, [Health.NOT_SERVING, Health.NOT_SERVING, Health.SERVING]);
  t.deepEqual(await signet(["health", "--wait", "1h"], { env }), { code: 0, stdout: "SERVING\n", stderr: "" });
  t.is(asked.length, 3);
});

test("--wait waits for a service that is not there yet, and says in the end what it has met", async (t) => {
  const address = `unix:${join(await tempFolder(t), "s")}`;
  t.is((await signet(["health", "--address", address, "--wait", "300ms"])).code, 69);
  const waiting = signet(["health", "--address", address, "--wait", "1h"]);
  const { asked } = await fakeHealth(t, [Health.SERVING], address);
  t.is((await waiting).code, 0);
  t.is(asked.length, 1);
});

test("--wait says once that the server's certificate is refused, and goes on: it may be exchanged", async (t) => {
  const files = await tlsFiles(t);
  const { app } = await startService(t, { env: await grpcTlsEnv(t, files) });
  const ca = join(await tempFolder(t), "ca.crt");
  await writeFile(ca, (await createAuthority()).cert);
  const { io, signet: run } = terminal();
  const refused = once(io.stderr, "data");
  const waiting = run("health", "--address", app.addresses.grpc, "--ca", ca, "--wait", "1h");
  t.regex(String(await refused), /^notice: asking again, although no TLS connection .* no CA in \S+ signed/);
  await writeFile(`${ca}.new`, files.authority.cert);
  await rename(`${ca}.new`, ca);
  const { code, stdout, stderr } = await waiting;
  t.deepEqual([code, stdout], [0, "SERVING\n"]);
  t.is(stderr.match(/notice/g)?.length, 1);
});

test("a service with mTLS tells its health to a client without certificate and token", async (t) => {
  const files = await tlsFiles(t);
  const { app } = await startService(t, { env: await grpcTlsEnv(t, files) });
  const words = ["--address", app.addresses.grpc, "--ca", files.clientCa];
  t.like(await signet(["health", ...words]), { code: 0, stdout: "SERVING\n" });
  const { code, stderr } = await signet(["keys", "list", ...words]);
  t.is(code, 2);
  t.regex(stderr, /UNAUTHENTICATED/, "control: other calls need a proof");
});

test("--service allows the names that a service knows", async (t) => {
  const files = await tlsFiles(t);
  const { app } = await startService(t, { env: await grpcTlsEnv(t, files) });
  const client = new HealthClient(app.addresses.grpc, uncertified(files), OWN_CONNECTION);
  t.teardown(() => client.close());
  const { statuses } = await new Promise<HealthListResponse>((resolve, reject) => {
    client.list({}, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  t.deepEqual(Object.keys(statuses).toSorted(), ["", ...HEALTH_NAMES].toSorted());
  const { code, stderr } = await signet(["health", "--service", "signet.v1.NoSuchService"]);
  t.is(code, 2);
  t.regex(stderr, /Allowed choices are signet\.v1\.TokenService\/IssueToken, /);
});
