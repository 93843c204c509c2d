import { connect } from "node:net";
import { text } from "node:stream/consumers";
import test from "ava";
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { LogEvent } from "../../src/app/log.ts";
import { GetJwksRequest } from "../../src/gen/signet/v1/keys.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { tempFolder } from "../support/files/temp.ts";
import { dialect } from "../support/profiles/dialect.ts";
import { get } from "../support/service/get.ts";
import { issue, promised, startService } from "../support/service/service.ts";
import { spawnService } from "../support/service/service-process.ts";

const ISSUER = "https://tokens.test";

/** What Kubernetes sets in every pod beside Services named signet-nats and signet-grpc. */
const SERVICE_LINKS = {
  SIGNET_NATS_PORT: "tcp://10.96.0.7:4222",
  SIGNET_NATS_SERVICE_PORT_CLIENT: "4222",
  SIGNET_NATS_PORT_4222_TCP_ADDR: "10.96.0.7",
  SIGNET_GRPC_SERVICE_HOST: "10.96.0.9",
};

test.serial(
  "beside services named signet-… it starts, and warns that the default issuer fits no other address",
  async (t) => {
    const service = await spawnService(t, { data: await tempFolder(t), env: SERVICE_LINKS });
    const warnings = service.log.filter(({ event }) => event === "config.warning");
    t.is(warnings.length, 1);
    t.like(warnings[0], { level: "warn" });
    t.regex(
      String(warnings[0]?.message),
      /^issuer is at its default, http:\/\/127\.0\.0\.1:8081, but http\.address is 127\.0\.0\.1:0: .*SIGNET_ISSUER/,
    );
  },
);

test.serial(
  "a verifier that checks the issuer alone is safe with the JWKS of its keyset, not with the common one",
  async (t) => {
    const log: LogEvent[] = [];
    const surroundings = { log: (_: string, event: LogEvent) => void log.push(event) };
    const service = await startService(t, { env: { SIGNET_ISSUER: ISSUER }, surroundings });
    t.false(
      log.some(({ type }) => type === "config.warning"),
      "an issuer that is set is right",
    );

    const { token: own } = await issue(service);
    const other = await dialect(service, "euler-stream").issue({ accountId: "12345", expireAfter: 60 });
    const verify = (path: string, token: string) => {
      const keys = createRemoteJWKSet(new URL(path, service.url), { timeoutDuration: HANGS_MS });
      return jwtVerify(token, keys, { issuer: ISSUER });
    };
    t.like((await verify("/.well-known/jwks.json", other.token)).payload, { iss: ISSUER }, "the danger");
    await t.throwsAsync(verify("/keysets/service/jwks.json", other.token), { code: "ERR_JWKS_NO_MATCHING_KEY" });
    await t.notThrowsAsync(verify("/keysets/service/jwks.json", own));
    await t.notThrowsAsync(verify("/keysets/euler-stream/jwks.json", other.token));

    const kidsAt = async (path: string) =>
      ((await (await get(`${service.url}${path}`)).json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
    const each = await Promise.all(["service", "euler-stream"].map((name) => kidsAt(`/keysets/${name}/jwks.json`)));
    t.deepEqual(each.flat().toSorted(), (await kidsAt("/.well-known/jwks.json")).toSorted());
    const { keys } = await promised(service.keys.getJwks.bind(service.keys), GetJwksRequest.create());
    t.is(keys.length, each.flat().length);
    for (const name of ["viasocket", "none", "SERVICE", "..", "service%2f"])
      t.is((await get(`${service.url}/keysets/${name}/jwks.json`)).status, 404, name);

    t.regex(
      await send(service.app.addresses.http, "GET http://signet.example/keysets/service/jwks.json HTTP/1.1"),
      /^HTTP\/1\.1 200 /,
    );
  },
);

/** The answer to a request with this first line. */
async function send(address: string, line: string): Promise<string> {
  const [host = "", port] = address.split(":");
  const socket = connect(Number(port), host);
  socket.write(`${line}\r\nHost: signet.example\r\nConnection: close\r\n\r\n`);
  return text(socket);
}
