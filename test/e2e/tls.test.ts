import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import https from "node:https";
import { text } from "node:stream/consumers";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import test, { type ExecutionContext } from "ava";
import { tempFolder } from "../support/files/temp.ts";
import { get } from "../support/service/get.ts";
import { startLoad } from "../support/service/load.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, startService } from "../support/service/service.ts";
import { type LogLine, type ServiceProcess, spawnService } from "../support/service/service-process.ts";
import { type LeafOptions, serverCertificate } from "../support/tls/certificates.ts";
import { replace, type TlsFiles, tlsFiles } from "../support/tls/tls-files.ts";
import { CALLER, certified, clientsWith, grpcTlsEnv } from "../support/tls/tls-service.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The environment of a service whose listeners have these files, and whose probes have an address of their own. */
async function tlsEnv(t: ExecutionContext, grpc: TlsFiles, http: TlsFiles): Promise<Record<string, string>> {
  return {
    ...(await grpcTlsEnv(t, grpc)),
    SIGNET_HTTP_TLS_CERT: http.cert,
    SIGNET_HTTP_TLS_KEY: http.key,
    SIGNET_HTTP_INTERNAL_ADDRESS: "127.0.0.1:0",
  };
}

/** A client with a certificate of the CA of the listener. */
async function certifiedClient(t: ExecutionContext, address: string, files: TlsFiles, names?: LeafOptions["names"]) {
  return clientsWith(t, address, await certified(files, names));
}

/** The status and body of an answer over HTTPS, each on a connection of its own. */
async function fetchOver(address: string, path: string, { authority }: TlsFiles): Promise<[number, string]> {
  const request = https.get(`https://${address}${path}`, {
    ca: authority.cert,
    agent: new https.Agent({ keepAlive: false }),
  });
  const [response] = await once(request, "response");
  return [response.statusCode, await text(response)];
}

async function shakeHands(address: string, { authority }: TlsFiles, options: ConnectionOptions = {}) {
  const [host, port] = address.split(":");
  const socket: TLSSocket = connect({
    host,
    port: Number(port),
    ca: authority.cert,
    ALPNProtocols: ["h2"],
    ...options,
  });
  await once(socket, "secureConnect");
  const shown = { protocol: socket.getProtocol(), certificate: socket.getPeerX509Certificate()?.toString() };
  socket.destroy();
  return shown;
}

function logged({ log }: ServiceProcess, event: string, section: string): LogLine[] {
  return log.filter((line) => line.event === event && line.section === section);
}

const JWKS = "/.well-known/jwks.json";

test("at an address that others can reach, a certificate names the caller of each call, and the client of its tokens", async (t) => {
  const [grpc, http] = [await tlsFiles(t), await tlsFiles(t)];
  const env = { ...(await tlsEnv(t, grpc, http)), SIGNET_GRPC_ADDRESS: "0.0.0.0:0", SIGNET_HTTP_ADDRESS: "0.0.0.0:0" };
  const { app, tokens } = await startService(t, { env });
  const address = app.addresses.grpc.replace("0.0.0.0", "127.0.0.1");
  const { token } = await issue(await certifiedClient(t, address, grpc));
  const payload = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  t.is(payload.client_id, CALLER);
  const stranger = await certifiedClient(t, address, grpc, [["dns", "api.example.org"]]);
  t.is((await failureOf(issue(stranger))).code, "PERMISSION_DENIED");
  t.is((await failureOf(issue({ tokens }))).code, "UNAVAILABLE", "plaintext is not spoken");
});

test("certificates of both listeners are exchanged in either order under load, and nothing fails", async (t) => {
  const [grpc, http] = [await tlsFiles(t), await tlsFiles(t)];
  // The suites of grpc-js come from this variable, and would be the only ones after a reload.
  const weak = { GRPC_SSL_CIPHER_SUITES: "ECDHE-ECDSA-AES128-SHA", SIGNET_GRPC_TLS_MIN_VERSION: "1.2" };
  const env = { ...(await tlsEnv(t, grpc, http)), ...weak };
  const service = await spawnService(t, { data: await tempFolder(t), env });
  const client = await certifiedClient(t, service.grpc, grpc);
  const calls = startLoad(4, () => issue(client));
  const fetches = startLoad(2, async () => {
    const [status, body] = await fetchOver(service.http, JWKS, http);
    if (status !== 200 || JSON.parse(body).keys.length === 0) throw new Error(`${status} ${body}`);
  });
  for (const [round, order] of (
    [
      ["cert", "key"],
      ["key", "cert"],
    ] as const
  ).entries()) {
    for (const [section, files] of Object.entries({ "grpc.tls": grpc, "http.tls": http })) {
      const next = await serverCertificate(files.authority);
      await replace(files, next, order.slice(0, 1));
      const isRefused = () => logged(service, "certificates.refused", section).length > round;
      await waitUntil("the half-written set is refused", isRefused);
      await replace(files, next, order.slice(1));
      await waitUntil("it is used", () => logged(service, "certificates.reloaded", section).length > round);
      const address = section === "grpc.tls" ? service.grpc : service.http;
      t.is((await shakeHands(address, files, { ALPNProtocols: [] })).certificate?.trim(), next.cert.trim());
    }
    await Promise.all([calls.more(20), fetches.more(20)]);
    await issue(await certifiedClient(t, service.grpc, grpc));
    t.is((await shakeHands(service.grpc, grpc, { maxVersion: "TLSv1.2" })).protocol, "TLSv1.2");
    const suites = { maxVersion: "TLSv1.2", ciphers: weak.GRPC_SSL_CIPHER_SUITES } as const;
    await t.throwsAsync(shakeHands(service.grpc, grpc, suites), { code: "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE" });
    await t.throwsAsync(shakeHands(service.http, http, { maxVersion: "TLSv1.2", ALPNProtocols: [] }), {
      code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    });
  }
  await Promise.all([calls.stop(), fetches.stop()]);
  const log = service.log.map((line) => JSON.stringify(line)).join("\n");
  for (const { key } of [grpc, http]) t.false(log.includes((await readFile(key, "latin1")).split("\n")[1] ?? ""));
});

test("SIGHUP reads the certificates at once, and the log says what became of each part", async (t) => {
  const files = await tlsFiles(t);
  const http = await tlsFiles(t);
  const service = await spawnService(t, { data: await tempFolder(t), env: await tlsEnv(t, files, http) });
  const reloads = () => service.log.filter(({ event }) => event === "reloaded");
  const reload = async () => {
    const before = reloads().length;
    service.child.kill("SIGHUP");
    await waitUntil("it has reloaded", () => reloads().length > before);
    return reloads().at(-1);
  };
  const unchanged = { rules: "unchanged", "grpc.tls": "unchanged", "http.tls": "unchanged" };
  t.like(await reload(), { level: "info", parts: unchanged });
  await writeFile(http.cert, "not a certificate");
  t.like(await reload(), { level: "warn", parts: { ...unchanged, "http.tls": "refused" } });
  await replace(http, await serverCertificate(http.authority));
  // The watch of the files may have been faster.
  await waitUntil("the new one is used", () => logged(service, "certificates.reloaded", "http.tls").length > 0);
  t.like(await reload(), { level: "info", parts: unchanged });
});

test("probes and metrics are at their own address alone, with the validity of each certificate", async (t) => {
  const [grpc, http] = [await tlsFiles(t), await tlsFiles(t)];
  const { app } = await startService(t, { env: await tlsEnv(t, grpc, http) });
  const { internal = "" } = app.addresses;
  for (const path of ["/metrics", "/readyz", "/livez"]) {
    t.is((await fetchOver(app.addresses.http, path, http))[0], 404, path);
    t.is((await get(`http://${internal}${path}`)).status, 200, path);
  }
  t.is((await get(`http://${internal}${JWKS}`)).status, 404);
  const metrics = await (await get(`http://${internal}/metrics`)).text();
  for (const place of ["grpc", "grpc_client_ca", "http"])
    for (const time of ["expiry", "not_before"])
      t.regex(metrics, new RegExp(`^signet_certificate_${time}_timestamp_seconds\\{place="${place}"\\} \\d{10}$`, "m"));
});

test("a service whose certificates can't be used does not start, and says what is wrong with all of them", async (t) => {
  const [grpc, http] = [await tlsFiles(t), await tlsFiles(t)];
  const expired = await serverCertificate(grpc.authority, { notAfter: new Date(Date.now() - 1000) });
  await replace(grpc, expired);
  await replace(http, await serverCertificate(http.authority), ["cert"]);
  const error = await t.throwsAsync(startService(t, { env: await tlsEnv(t, grpc, http) }), {
    code: "UNUSABLE_CERTIFICATES",
  });
  const [ofGrpc, ofHttp] = error?.message.split("; ") ?? [];
  t.true(ofGrpc?.startsWith(`grpc.tls.cert (${grpc.cert}) expired at `), ofGrpc);
  t.is(ofHttp, `http.tls.key (${http.key}) is not the private key of http.tls.cert (${http.cert})`);
});
