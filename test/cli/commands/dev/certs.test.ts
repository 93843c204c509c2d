import { X509Certificate } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ServerCredentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { callerOf, policyOf } from "../../../support/access/policies.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { fakeService } from "../../fake-service.ts";
import { signet } from "../../terminal.ts";

const DAY_MS = 86_400_000;
const FILES = ["ca", "gateway", "operator", "server", "shop"].flatMap((name) => [`${name}.crt`, `${name}.key`]);
const POLICY = "policy.yaml";

async function newFolder(t: ExecutionContext): Promise<string> {
  return join(await tempFolder(t), "certs");
}

async function certificate(folder: string, name: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(join(folder, `${name}.crt`)));
}

async function contents(folder: string): Promise<Record<string, string>> {
  const entries = FILES.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const);
  return Object.fromEntries(await Promise.all(entries));
}

test("one CA signs a server and three callers, each with the names that it proves", async (t) => {
  const folder = await newFolder(t);
  t.is((await signet(["dev", "certs", "--out", folder, "--name", "signet.example", "192.0.2.1"])).code, 0);
  t.deepEqual((await readdir(folder)).sort(), [...FILES, POLICY].sort());
  const ca = await certificate(folder, "ca");
  t.true(ca.ca && ca.verify(ca.publicKey));
  for (const [name, names, usage] of [
    [
      "server",
      "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:signet.example, IP Address:192.0.2.1",
      "1.3.6.1.5.5.7.3.1",
    ],
    ["shop", "URI:spiffe://example.org/shop", "1.3.6.1.5.5.7.3.2"],
    ["gateway", "DNS:gateway.example.org", "1.3.6.1.5.5.7.3.2"],
    ["operator", "URI:spiffe://example.org/operator", "1.3.6.1.5.5.7.3.2"],
  ] as const) {
    const issued = await certificate(folder, name);
    t.true(issued.checkIssued(ca) && issued.verify(ca.publicKey) && !issued.ca, name);
    t.is(issued.subjectAltName, names);
    t.deepEqual(issued.keyUsage, [usage]);
  }
});

test("the policy is one: two callers issue and verify, and only the operator revokes", async (t) => {
  const folder = await newFolder(t);
  await signet(["dev", "certs", "--out", folder]);
  const policy = policyOf(await readFile(join(folder, POLICY), "utf8"));
  const callers = ["spiffe://example.org/shop", "dns:gateway.example.org", "spiffe://example.org/operator"];
  const issue = { method: "IssueToken", profile: "service", subject: "alice", audience: ["api"] } as const;
  const verify = { method: "VerifyToken", profile: "service", audience: ["api"] } as const;
  const revoke = { method: "RevokeTokens", profile: "service" } as const;
  const rotate = { method: "RotateKeys" } as const;
  const questions = [issue, verify, revoke, rotate];
  t.deepEqual(
    callers.map((caller) => questions.map((question) => policy.decide(callerOf(caller), question).allowed)),
    [
      [true, true, false, false],
      [false, true, false, false],
      [false, false, true, true],
    ],
  );
});

test("with them a caller and a server prove themselves to each other", async (t) => {
  const folder = await newFolder(t);
  await signet(["dev", "certs", "--out", folder], { now: Date.now });
  const read = (name: string) => readFile(join(folder, name));
  const pair = { cert_chain: await read("server.crt"), private_key: await read("server.key") };
  const security = ServerCredentials.createSsl(await read("ca.crt"), [pair], true);
  const service = await fakeService({ issueToken: { token: "t" } }, "127.0.0.1:0", security);
  t.teardown(service.stop);
  const call = (...files: string[]) => {
    const [SIGNET_CA = "", SIGNET_CERT = "", SIGNET_KEY = ""] = files.map((name) => join(folder, name));
    const env = { ...service.env, SIGNET_CA, SIGNET_CERT, SIGNET_KEY };
    return signet(["token", "issue", "service"], { env });
  };
  for (const caller of ["shop", "gateway", "operator"])
    t.is((await call("ca.crt", `${caller}.crt`, `${caller}.key`)).code, 0, caller);
  t.is((await call("ca.crt", "server.crt", "server.key")).code, 2, "control: a server is no caller");
});

test("only the owner can read a file, and nobody else enters a folder that was made", async (t) => {
  const folder = await newFolder(t);
  await signet(["dev", "certs", "--out", folder]);
  const modes = await Promise.all(FILES.map(async (name) => (await stat(join(folder, name))).mode & 0o777));
  t.deepEqual(new Set(modes), new Set([0o600]));
  t.is((await stat(folder)).mode & 0o777, 0o700);
});

for (const folder of ["/proc/x", "/dev/null/x"])
  test(`--out ${folder} says why nothing can be made there`, async (t) => {
    const { code, stderr } = await signet(["dev", "certs", "--out", folder]);
    t.is(code, 2);
    t.regex(stderr, new RegExp(`^error: ${folder} can't be used: (ENOENT|EEXIST): .*, mkdir '`));
  });

test("a policy that is there is kept", async (t) => {
  const folder = await newFolder(t);
  const made = ["dev", "certs", "--out", folder];
  await signet(made);
  await writeFile(join(folder, POLICY), "groups: {}\n");
  t.is((await signet([...made, "--force"])).code, 0);
  t.is(await readFile(join(folder, POLICY), "utf8"), "groups: {}\n");
});

test("a file that is there is replaced with --force alone, and without it nothing is made", async (t) => {
  const folder = await newFolder(t);
  const made = ["dev", "certs", "--out", folder];
  await signet(made);
  const before = await contents(folder);
  const { code, stderr } = await signet(made);
  t.is(code, 2);
  t.regex(
    stderr,
    /has ca\.crt, ca\.key, .*operator\.key, .*policy\.yaml: nothing was changed; --force replaces certificates and keys/,
  );
  t.deepEqual(await contents(folder), before);
  t.is((await signet([...made, "--force"])).code, 0);
  const after = await contents(folder);
  t.deepEqual(
    FILES.filter((name) => after[name] === before[name]),
    [],
  );
});

test("they are valid for 30 days, or as long as --days says, and from an hour ago", async (t) => {
  const now = Date.UTC(2027, 0, 1);
  for (const [words, days] of [
    [[], 30],
    [["--days", "365"], 365],
  ] as const) {
    const folder = await newFolder(t);
    await signet(["dev", "certs", "--out", folder, ...words], { now: () => now });
    for (const name of ["ca", "server", "shop", "gateway"]) {
      const { validFromDate, validToDate } = await certificate(folder, name);
      t.is(validToDate.getTime(), now + days * DAY_MS);
      t.is(validFromDate.getTime(), now - 3_600_000);
    }
  }
});

test("it says what it made and how to use it, as text and as JSON, and shows no key", async (t) => {
  const folder = await newFolder(t);
  const { stdout } = await signet(["dev", "certs", "--out", folder]);
  for (const said of ["spiffe://example.org/shop", "dns:gateway.example.org", "localhost, 127.0.0.1, ::1", folder])
    t.true(stdout.includes(said), said);
  t.notRegex(stdout, /PRIVATE KEY/);
  const json = await signet(["dev", "certs", "--out", folder, "--force", "--json"]);
  t.deepEqual(JSON.parse(json.stdout), {
    folder,
    notAfter: "2026-12-22T12:00:00.000Z",
    serverNames: ["localhost", "127.0.0.1", "::1"],
    callers: {
      shop: "spiffe://example.org/shop",
      gateway: "dns:gateway.example.org",
      operator: "spiffe://example.org/operator",
    },
  });
});

for (const [words, said] of [
  [["--name", "a b"], /Allowed: a DNS name such as signet\.example, or an IP address/],
  [["--name", "127.1"], /Allowed: a DNS name/],
  [["--days", "x"], /Allowed: a whole number from 1 to 365/],
  [["--days", "0"], /Allowed: a whole number from 1 to 365/],
  [["--days", "366"], /Allowed: a whole number from 1 to 365/],
] as const)
  test(`signet dev certs ${words.join(" ")} makes nothing and says what is allowed`, async (t) => {
    const folder = await newFolder(t);
    const { code, stderr } = await signet(["dev", "certs", "--out", folder, ...words]);
    t.is(code, 2);
    t.regex(stderr, said);
    await t.throwsAsync(stat(folder), { code: "ENOENT" });
  });
