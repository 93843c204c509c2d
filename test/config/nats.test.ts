import test from "ava";
import { loadConfig } from "../../src/config/load.ts";
import { faultTexts } from "../support/files/config-files.ts";

test("servers and files become the access, and what is off is not in it", (t) => {
  const env = {
    SIGNET_NATS_URL: "tls://a.example:4222,tls://b.example:4222",
    SIGNET_NATS_TLS_CA: "/run/ca.crt",
    SIGNET_NATS_CREDS: "/run/signet.creds",
  };
  const { nats } = loadConfig({ env });
  t.deepEqual(nats?.access.servers, ["tls://a.example:4222", "tls://b.example:4222"]);
  t.true(nats?.access.tls);
  t.deepEqual(
    Object.entries(nats?.access.files ?? {}).filter(([, file]) => file !== undefined),
    [
      ["ca", { path: "/run/ca.crt", isSecret: false }],
      ["creds", { path: "/run/signet.creds", isSecret: true }],
    ],
  );
  t.false(loadConfig({ env: {} }).nats?.access.tls);
  t.true(loadConfig({ env: { SIGNET_NATS_URL: "tls://a.example:4222" } }).nats?.access.tls, "with the system's CAs");
});

test("files for NATS that do not go together are refused, all at once", async (t) => {
  const text = `
nats:
  url: tls://a.example:4222,nats://b.example:65536
  tls:
    cert: client.crt
  creds: signet.creds
  nkey: signet.nk
  password_file: password
`;
  const kinds = "must be empty: NATS takes one of creds, nkey, and user_file with password_file";
  t.deepEqual(await faultTexts(t, text), [
    "FILE:3 nats.url: must have ports of at most 65535",
    "FILE:3 nats.url: must have tls:// for all servers or nats:// for all: the connection moves between them",
    "FILE:5 nats.tls.key: must be set, since nats.tls.cert is",
    "FILE:3 nats.user_file: must be set, since nats.password_file is",
    `FILE:7 nats.nkey: ${kinds}`,
    `FILE:3 nats.user_file: ${kinds}`,
  ]);
});

for (const url of ["nats://a:4222,", "nats://a:4222 nats://b:4222", "ws://a:4222", "nats://a", "nats://u:p@a:4222"])
  test(`the servers ${url} are refused`, async (t) => {
    t.regex(
      (await faultTexts(t, `nats: { url: "${url}" }\n`)).join(),
      /^FILE:1 nats\.url: must be nats:\/\/host:port or/,
    );
  });

test("a password for a server on another machine without TLS is warned of", (t) => {
  const files = { SIGNET_NATS_USER_FILE: "user", SIGNET_NATS_PASSWORD_FILE: "password" };
  const warnings = (env: Record<string, string>) => loadConfig({ env: { ...files, ...env } }).warnings.join();
  t.regex(warnings({ SIGNET_NATS_URL: "nats://127.0.0.1:4222,nats://a:4222" }), /would be sent to NATS unencrypted/);
  t.is(warnings({ SIGNET_NATS_URL: "nats://127.0.0.1:4222,nats://[::1]:4222" }), "");
  t.is(warnings({ SIGNET_NATS_URL: "tls://a:4222" }), "");
  t.is(warnings({ SIGNET_NATS_URL: "nats://a:4222", SIGNET_NATS_TLS_CA: "ca.crt" }), "");
});
