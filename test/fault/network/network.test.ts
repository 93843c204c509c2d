import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { tempFolder } from "../../support/files/temp.ts";
import { startCaller } from "../../support/network/caller.ts";
import { type Installation, SERVER_NAME, startInstallation } from "../../support/network/installation.ts";
import { type Machine, startMachines, testOnNetwork } from "../../support/network/machines.ts";
import { startServiceAccounts } from "../../support/network/service-accounts.ts";
import { findTool } from "../../support/service/find-tool.ts";
import { processEnv } from "../../support/service/service.ts";
import { type Authority, createAuthority, type Issued, writeIssued } from "../../support/tls/certificates.ts";
import { waitUntil } from "../../support/wait-until.ts";

const AUDIENCE = "https://signet.test/callers";
const ORDERS = "spiffe://example.org/orders";
const BILLING = "dns:billing.example.org";
const POD = "jwt:cluster:system:serviceaccount:shop:pod";
const OPERATOR = "spiffe://example.org/operator";

/** Each caller issues and verifies under its own name alone. `more` are further groups. */
function policy(more = ""): string {
  return `
groups:
  shop:
    callers: ["${ORDERS}", "${BILLING}", "${POD}"]
    rules:
      - { methods: [IssueToken], profiles: [service], audiences: [api], subjects: [self], max_ttl: 5m }
      - { methods: [VerifyToken], profiles: [service], audiences: [api] }
  operators:
    callers: ["${OPERATOR}"]
    rules:
      - { methods: [IssueToken], profiles: [service], audiences: [api], subjects: [self] }
      - { methods: [VerifyToken, RevokeTokens], profiles: [service] }
      - { methods: [RotateKeys, PlanRotation, ListKeys] }
${more}tests:
  - { expect: deny, caller: "${ORDERS}", method: RotateKeys }
`;
}

const NAMES = [
  ...(["nats1", "nats2", "nats3", "signet1", "signet2", "signet3"] as const),
  ...(["cluster", "orders", "billing", "pod", "operator", "stranger", "auditor"] as const),
] as const;

testOnNetwork(
  "callers with certificates and service accounts are served while certificates, CAs, credentials and policy change",
  async (t) => {
    t.timeout(300_000);
    const at = startMachines(t, NAMES);
    let authority = await createAuthority("first");
    const accounts = await startServiceAccounts(t, at.cluster, authority, AUDIENCE);
    const folder = await tempFolder(t);
    const clusterCa = join(folder, "cluster-ca.crt");
    await writeFile(clusterCa, authority.cert);
    const cluster = { issuer: accounts.url, audience: AUDIENCE, algorithms: ["RS256"] };
    const installation = await startInstallation(
      t,
      { nats: [at.nats1, at.nats2, at.nats3], signet: [at.signet1, at.signet2, at.signet3] },
      {
        clientCa: authority,
        policy: policy(),
        settings: {
          callers: {
            trust_domains: ["example.org"],
            issuers: { cluster: { ...cluster, jwks: `${accounts.url}/jwks`, ca_file: clusterCa } },
          },
        },
      },
    );
    const { files, replace, logged, counts } = installation;

    const ca = join(folder, "ca.crt");
    await writeFile(ca, authority.cert);
    const common = { replicas: installation.addresses, serverName: SERVER_NAME, ca };
    const certified = async (name: keyof typeof CERTIFIED) => ({
      ...common,
      ...(await certify(folder, name, authority)),
      subject: CERTIFIED[name].caller,
    });
    const tokenFile = await accounts.project("token", POD.slice("jwt:cluster:".length));
    const callers = [
      startCaller(t, at.orders, await certified("orders")),
      startCaller(t, at.billing, await certified("billing")),
      startCaller(t, at.pod, { ...common, tokenFile, subject: POD }),
    ];
    const operator = startCaller(t, at.operator, await certified("operator"));
    const stranger = startCaller(t, at.stranger, await certified("stranger"));
    const everybody = [...callers, operator];
    await Promise.all(callers.map((caller) => caller.load()));

    /** After each change everybody is served, and the operator can do what operators do. */
    const everythingWorks = async () => {
      await Promise.all(callers.map((caller) => caller.more()));
      await operator.rotate();
      await operator.revoke();
    };
    /** Replaces the certificates of all who call with new ones of the CA. */
    const renewCallers = async () => {
      for (const name of Object.keys(CERTIFIED) as (keyof typeof CERTIFIED)[]) await certify(folder, name, authority);
      for (const caller of [...everybody, stranger]) await caller.renew();
    };
    await everythingWorks();

    await t.notThrowsAsync(async () => {
      const before = counts("certificates.reloaded");
      await installation.issueServers(authority);
      await logged("certificates.reloaded", before);
      await everythingWorks();
    }, "new certificates of the replicas");

    await t.notThrowsAsync(async () => {
      const [old, next] = [authority, await createAuthority("second")];
      let before = counts("certificates.reloaded");
      await replace(files.clientCa, [old.cert, next.cert].join("\n"));
      await logged("certificates.reloaded", before);
      await writeFile(ca, [old.cert, next.cert].join("\n"));
      authority = next;
      await renewCallers();
      await installation.issueServers(next);
      before = counts("certificates.reloaded");
      await replace(files.clientCa, next.cert);
      await logged("certificates.reloaded", before);
      await everythingWorks();
    }, "another CA");

    await t.notThrowsAsync(async () => {
      await accounts.rotate("k2");
      await accounts.project("token", POD.slice("jwt:cluster:".length));
      await callers[2]?.renew();
      await everythingWorks();
    }, "another key of the service accounts");

    await t.notThrowsAsync(async () => {
      const before = counts("profiles.reloaded");
      const auditors = "  auditors:\n    callers: [dns:auditor.example.org]\n    rules: [{ methods: [GetJwks] }]\n";
      await replace(files.policy, policy(auditors));
      await logged("profiles.reloaded", before);
      await everythingWorks();
    }, "another policy");

    await t.notThrowsAsync(async () => {
      await installation.exchangePasswords();
      await everythingWorks();
    }, "other passwords of NATS");

    await t.notThrowsAsync(async () => {
      await installation.exchangeNatsAuthority();
      await everythingWorks();
    }, "another CA of NATS");

    await t.notThrowsAsync(async () => {
      at.nats1.cut();
      await everythingWorks();
      at.nats1.join();
      await everythingWorks();
    }, "a NATS server that is cut off, and comes back");

    const codes = await stranger.codes();
    t.true(Object.keys(codes).length >= 15, "every method was called");
    // The answer to a batch has the refusal of each item in it.
    const answered = Object.keys(codes).filter((path) => codes[path] === "OK");
    t.true(answered.length === 2 && answered.every((path) => path.includes("/Batch")), JSON.stringify(codes));
    t.regex(Object.values(codes).join(), /^(?:OK|PERMISSION_DENIED|NOT_FOUND|INVALID_ARGUMENT|,)*$/);
    t.deepEqual(await openTo(at.stranger, installation, folder), { health: "SERVING", reflects: true });

    const issued = (await Promise.all(callers.map((caller) => caller.stop()))).flat();
    t.log(`${issued.length} tokens`);
    let recorded = "";
    const hasAll = async () => {
      recorded = await readLog(at.auditor, installation);
      return issued.every((tokenId) => recorded.includes(tokenId));
    };
    // Events wait in the spools until the cluster takes them again.
    await waitUntil("the auditor reads them all", hasAll, 90_000);
    for (const [caller, proof] of PROOFS)
      t.true(recorded.includes(`"caller":"${caller}",`) && recorded.includes(proof));

    const before = counts("certificates.reloaded");
    await replace(files.clientCa, (await createAuthority("unknown to all callers")).cert);
    await logged("certificates.reloaded", before);
    await t.throwsAsync(operator.rotate(), { message: /UNAUTHENTICATED/ }, "negative control: the CA counts");
  },
);

/** In the events of each kind of caller. */
const PROOFS = [
  [ORDERS, '"callerProof":"mtls","callerAddress":"10.77.0.8"'],
  [BILLING, '"callerProof":"mtls","callerAddress":"10.77.0.9"'],
  [POD, '"callerProof":"jwt","callerAddress":"10.77.0.10"'],
] as const;

const CERTIFIED = {
  orders: { caller: ORDERS, name: ["url", ORDERS] },
  billing: { caller: BILLING, name: ["dns", "billing.example.org"] },
  operator: { caller: OPERATOR, name: ["url", OPERATOR] },
  stranger: { caller: "dns:stranger.example.org", name: ["dns", "stranger.example.org"] },
} as const;

async function certify(folder: string, name: keyof typeof CERTIFIED, authority: Authority): Promise<Issued> {
  const issued = await authority.issue({ names: [CERTIFIED[name].name], usages: ["client"] });
  return writeIssued(folder, name, issued);
}

/** What a stranger gets by grpcurl: the health of the service, and a list of its services. */
async function openTo(machine: Machine, { addresses: [address = ""] }: Installation, folder: string) {
  const flags = ["-cacert", "ca.crt", "-cert", "stranger.crt", "-key", "stranger.key", "-servername", SERVER_NAME];
  const curl = (...args: string[]) =>
    run(machine, findTool("grpcurl") ?? "grpcurl", [...flags, address, ...args], folder);
  const health = JSON.parse(await curl("grpc.health.v1.Health/Check")).status;
  return { health, reflects: (await curl("list")).includes("signet.v1.TokenService") };
}

/** Every issuance in the audit log, as the auditor reads it. Empty while the cluster can't be read. */
async function readLog(machine: Machine, installation: Installation): Promise<string> {
  const { files, natsUrls } = installation;
  const access = ["--nats", natsUrls, "--tls-ca", files.natsCa];
  const user = ["--user-file", files.auditorUser, "--password-file", files.auditorPassword];
  const tail = ["src/main.ts", "audit", "tail", "--all", "--no-follow", "--json", "--type", "token.issued"];
  return run(machine, process.execPath, [...tail, ...access, ...user]);
}

async function run({ under }: Machine, program: string, args: readonly string[], cwd?: string): Promise<string> {
  const [command = "", ...words] = [...under, program, ...args];
  const child = spawn(command, words, { cwd, env: processEnv(), stdio: ["ignore", "pipe", "inherit"] });
  return text(child.stdout);
}
