import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ExecutionContext } from "ava";
import { parse } from "yaml";
import { signet } from "../cli/terminal.ts";
import { readPage } from "../docs/pages.ts";
import { tempFolder } from "../support/files/temp.ts";
import { giveInput } from "../support/give-input.ts";
import { recordSecret } from "../support/leaks/record.ts";
import { startNats } from "../support/nats/nats-server.ts";
import { startCaller } from "../support/network/caller.ts";
import { type Machine, startMachines } from "../support/network/machines.ts";
import { createAuthority, serverCertificate, writeIssued } from "../support/tls/certificates.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Secrets } from "./kubelet.ts";
import { logged, type Pod, startPod, testOnPods } from "./pod.ts";
import { cronPod, jobPod, type Manifest, only, type PodSpec, render, renderText, replicaTemplate } from "./rendered.ts";

const run = promisify(execFile);

const ORDERS = "spiffe://example.org/orders";
const NATS_NAME = "nats-0.nats.nats.svc";
const SERVICE_NAME = "signet.signet.svc";
const REPLICAS = ["signet-0", "signet-1", "signet-2"] as const;

/** One NATS server is enough here, and the drain is as short as the test allows. */
const CHANGES = [
  `nats.url=tls://${NATS_NAME}:4222`,
  "nats.replicas=1",
  "backup.enabled=true",
  "shutdown.drainSeconds=1",
];

/** What a cluster has beside the chart: a NATS server with TLS and accounts, and the Secrets that the values name. */
async function startSurroundings(t: ExecutionContext, machine: Machine) {
  const folder = await tempFolder(t);
  const [natsCa, callers] = [await createAuthority("NATS"), await createAuthority("callers")];
  const nats = await writeIssued(folder, "nats", await serverCertificate(natsCa, { names: [["dns", NATS_NAME]] }));
  const [password, archiver] = [newPassword(), newPassword()];
  await copyFile("examples/nats/accounts.conf", join(folder, "accounts.conf"));
  const others = `AUDITOR_PASSWORD: "none"\nARCHIVER_PASSWORD: "${archiver}"\n`;
  await writeFile(join(folder, "passwords.conf"), `SIGNET_PASSWORD: "${password}"\n${others}`);
  const config = join(folder, "nats.conf");
  await writeFile(config, `include ./accounts.conf\ntls { cert_file: "${nats.cert}", key_file: "${nats.key}" }\n`);
  const server = await startNats(t, { machine, port: 4222, flags: ["-c", config] });

  const issueTls = async () => {
    const issued = await serverCertificate(callers, { names: [["dns", SERVICE_NAME]] });
    return { "tls.crt": issued.cert, "tls.key": issued.key, "ca.crt": callers.cert };
  };
  const secrets: Secrets = {
    // The line break is what `kubectl create secret --from-file` keeps.
    "signet-kek": { kek: `${randomBytes(32).toString("base64url")}\n` },
    "signet-tls": await issueTls(),
    "signet-nats-ca": { "ca.crt": natsCa.cert },
    "signet-nats": { user: "signet", password },
    "signet-archiver": { user: "archiver", password: archiver },
  };
  return { folder, callers, secrets, issueTls, server };
}

function newPassword(): string {
  const password = randomBytes(24).toString("base64url");
  recordSecret("credential", password);
  return password;
}

/** The policy that names the logs of these data folders, as `signet audit keys` prints it. */
async function policyOf(folders: readonly string[]): Promise<string> {
  const identities = await Promise.all(folders.map((folder) => readFile(join(folder, "spool/identity.json"), "utf8")));
  return `${identities.map((text) => `log ${JSON.parse(text).log.verifierKey}\n`).join("")}quorum none\n`;
}

/** The pod 31 days later, as its own clock says. */
function laterOn(pod: PodSpec): PodSpec {
  const [container] = pod.containers;
  const clock = "data:text/javascript,const{now}=Date;Date.now=()=>now()+31*86400e3";
  const env = [...(container.env ?? []), { name: "NODE_OPTIONS", value: `--import=${clock}` }];
  return { ...pod, containers: [{ ...container, env }] };
}

/** The lines of an archive with the events of a writer, in their order. */
function eventsOf(lines: readonly string[], writer: string): readonly object[] {
  return lines.map((line) => JSON.parse(line)).filter((event) => event.writer === writer);
}

/** What a caller needs, for a certificate of its own. */
async function callerOf(folder: string, authority: Awaited<ReturnType<typeof createAuthority>>, addresses: string[]) {
  const issued = await authority.issue({ names: [["url", ORDERS]], usages: ["client"] });
  const files = await writeIssued(folder, "orders", issued);
  const ca = join(folder, "callers-ca.crt");
  await writeFile(ca, authority.cert);
  const replicas = addresses.map((address) => `${address}:50051`);
  return { replicas, serverName: SERVICE_NAME, ca, ...files, subject: ORDERS };
}

/** Resolves when the readiness probe of the pod succeeds, as kubelet asks. */
async function untilReady({ under, address }: Machine, pod: Pod | undefined): Promise<void> {
  // A probe is a process here: it would take the CPU from the start that it waits for.
  if (pod !== undefined) await logged(pod, "ready");
  const script = "const { status } = await fetch(process.argv[1]); process.exitCode = status === 200 ? 0 : 1;";
  const [file = "", ...words] = [...under, process.execPath, "--input-type=module", "--eval", script];
  const probe = () =>
    run(file, [...words, `http://${address}:9464/readyz`]).then(
      () => true,
      () => false,
    );
  await waitUntil(`${address} is ready`, probe);
}

/** The pod of the job that docs/kubernetes.md makes of the CronJob, to restore the copy. */
async function restorePod(copy: string): Promise<PodSpec> {
  const [, expressions = ""] = /^ *sed (-e .*) \|$/m.exec(readPage("docs/kubernetes.md")) ?? [];
  const rendered = (await renderText("three-replicas", CHANGES))
    .split(/^---$/m)
    .find((one) => /^kind: CronJob$/m.test(one));
  const sed = run("sh", ["-c", `sed ${expressions.replace("COPY", copy)}`]);
  giveInput(sed.child, rendered ?? "");
  return cronPod([parse((await sed).stdout)]);
}

testOnPods(
  "the chart's pods make their first keys, are updated one by one while no call fails, are backed up, restored, closed and archived",
  async (t) => {
    t.timeout(360_000, "it starts six services and eight jobs, one after the other");
    const at = startMachines(t, ["nats", ...REPLICAS, "orders", "job"]);
    const { folder, callers, secrets, issueTls, server } = await startSurroundings(t, at.nats);
    const addresses = REPLICAS.map((name) => at[name].address);
    const hosts = { [NATS_NAME]: [at.nats.address], [SERVICE_NAME]: addresses };
    const volumes = Object.fromEntries(
      await Promise.all(REPLICAS.map(async (name) => [name, await tempFolder(t)] as const)),
    );

    const startReplica = (name: (typeof REPLICAS)[number], manifests: readonly Manifest[]) =>
      startPod(t, replicaTemplate(manifests).spec, {
        name,
        machine: at[name],
        manifests,
        secrets,
        hosts,
        claims: { data: volumes[name] ?? "" },
      });
    const runJob = async (name: string, pod: PodSpec, manifests: readonly Manifest[], claims = {}) => {
      const job = await startPod(t, pod, { name, machine: at.job, manifests, secrets, hosts, claims });
      t.is(await job.ended, 0, job.errors());
      return job;
    };

    // The first installation: all replicas start at once, and none has keys.
    const first = await render("three-replicas", [...CHANGES, "state.firstStart=true"]);
    const pods = new Map(
      await Promise.all(REPLICAS.map(async (name) => [name, await startReplica(name, first)] as const)),
    );
    await Promise.all(REPLICAS.map((name) => untilReady(at[name], pods.get(name))));
    await runJob("signet-test", only(first, "Pod").spec as unknown as PodSpec, first);
    for (const pod of pods.values()) {
      const status = await pod.status();
      for (const line of [
        /^Uid:\t65532\t/m,
        /^Groups:\t65532 $/m,
        /^CapEff:\t0+$/m,
        /^CapBnd:\t0+$/m,
        /^NoNewPrivs:\t1$/m,
      ])
        t.regex(status, line);
    }
    const names = REPLICAS.map((name) => pods.get(name)?.log[0]?.replica);
    t.is(new Set(names).size, REPLICAS.length, "each replica has a name of its own");

    const caller = startCaller(t, at.orders, await callerOf(folder, callers, addresses));
    await caller.load();

    // Changed Secrets and policies need no restart.
    const rules = only(first, "ConfigMap", "signet-policy").data["policy.yaml"] ?? "";
    const changed = first.map((one) =>
      one.metadata.name === "signet-policy" ? { ...one, data: { "policy.yaml": `# Changed.\n${rules}` } } : one,
    );
    const renewed = { ...secrets, "signet-tls": await issueTls() };
    for (const pod of pods.values()) {
      await pod.update("grpc", changed, renewed);
      await logged(pod, "certificates.reloaded");
      await pod.update("policy", changed, renewed);
      await logged(pod, "profiles.reloaded");
    }
    await caller.more();

    // The update takes the permission for first keys away, as the notes of the chart say.
    const second = await render("three-replicas", CHANGES);
    t.notDeepEqual(replicaTemplate(second).metadata, replicaTemplate(first).metadata, "the pods are replaced");
    for (const name of REPLICAS.toReversed()) {
      t.is(await pods.get(name)?.stop(), 0, `${name} ends in its grace period`);
      pods.set(name, await startReplica(name, second));
      await untilReady(at[name], pods.get(name));
      await caller.more();
    }
    t.true((await caller.stop()).length > 0);
    t.deepEqual(
      REPLICAS.map((name) => pods.get(name)?.log[0]?.replica),
      names,
      "the volume keeps the name of a replica",
    );

    const backups = await tempFolder(t);
    await runJob("signet-backup-1", cronPod(second), second, { backup: backups });
    t.deepEqual(await readdir(backups), ["signet-backup-1.signet"]);
    t.is((await stat(join(backups, "signet-backup-1.signet"))).mode & 0o777, 0o600);
    const restore = await restorePod("signet-backup-1");
    await runJob("restore", restore, second, { backup: backups });
    // The last one ends while NATS is away, so that its volume has events that NATS has not got.
    for (const name of REPLICAS) {
      if (name === "signet-2") await server.kill9();
      t.is(await pods.get(name)?.stop(), 0, pods.get(name)?.errors());
    }
    await server.restart();

    // It is scaled away for good. A second update finds its log closed.
    const scaled = await render("three-replicas", [...CHANGES, "replicas=2", "closedReplicas={2}"]);
    const outcomes: (string | undefined)[] = [];
    for (const name of ["signet-close-2-a", "signet-close-2-b"]) {
      const job = await runJob(name, jobPod(scaled, "signet-close-2"), scaled, { data: volumes["signet-2"] ?? "" });
      outcomes.push(job.said().trim());
    }
    const writer = String(names[2]);
    t.deepEqual(outcomes, [`${writer} is closed`, `${writer} was closed before`]);

    // A month later the archiver moves all, with what the Job has sent.
    const policy = await policyOf(Object.values(volumes));
    const archived = await render("three-replicas", [
      ...CHANGES.filter((change) => !change.startsWith("backup")),
      "archive.enabled=true",
      "archive.secretName=signet-archiver",
      `archive.policy=${policy}`,
    ]);
    const archive = await tempFolder(t);
    const early = await runJob("signet-archive-0", cronPod(archived), archived, { archive });
    t.like(early.log.at(-1), { type: "nothing" }, "control: nothing is as old as archive.olderThan");
    const moved = await runJob("signet-archive-1", laterOn(cronPod(archived)), archived, { archive });
    t.like(moved.log.at(-1), { type: "archived", stream: "SIGNET_AUDIT", from: 1, trimmed: true });
    t.deepEqual((await readdir(archive)).toSorted(), ["audit-000001.json", "audit-000001.ndjson"]);
    const file = join(archive, "audit-000001.ndjson");
    t.is((await stat(file)).mode & 0o777, 0o600);
    const events = eventsOf((await readFile(file, "utf8")).trimEnd().split("\n"), writer);
    t.true(events.some((event) => "serviceStopped" in event));
    t.like(events.at(-1), { writerClosed: { reason: "REPLICA_REMOVED" } });
    await writeFile(join(folder, "audit.policy"), policy);
    const verified = await signet(["audit", "verify", "--policy", join(folder, "audit.policy"), file]);
    t.is(verified.code, 0, verified.stdout);
  },
);
