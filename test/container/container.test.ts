import { chmodSync, chownSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { tempFolder } from "../support/files/temp.ts";
import { shared } from "../support/service/shared.ts";
import { type Container, testContainer } from "./container.ts";
import { buildImage } from "./image.ts";
import { prepare } from "./installation.ts";

/** The user of the image: distroless images know it as `nonroot`. */
const USER = 65_532;

const image = shared(test, buildImage);
const installation = shared(test, async (t) => prepare(t, await image()));

testContainer("the image has of the package what runs, the contract, the licenses and the SBOM alone", async (t) => {
  t.timeout(300_000, "it builds the image");
  const { root } = await image();
  t.deepEqual(readdirSync(join(root, "signet")).toSorted(), [
    "LICENSE",
    "THIRD-PARTY-NOTICES",
    "lib",
    "node_modules",
    "package.json",
    "policies",
    "profiles",
    "proto",
    "sbom.cdx.json",
  ]);
  const scopes = new Set(readdirSync(join(root, "signet/node_modules")));
  t.true(scopes.has("@opentelemetry"));
  for (const development of ["typescript", "ava", "esbuild"]) t.false(scopes.has(development), development);
});

testContainer("it serves over mTLS, stops in order, and a new container goes on with the same volume", async (t) => {
  t.timeout(300_000, "it builds the image, and starts six containers");
  const { start, call } = await installation();
  const first = await start(t);
  await first.untilLogged("ready");
  const { stdout: token } = await call("token", "issue", "service", "--subject", "alice", "--audience", "api");
  first.signal("SIGTERM");
  t.like(await first.finished, { code: 0, stderr: "" });
  t.deepEqual(first.log.slice(-2).map(nameOf), ["stopping", "stopped"]);
  const events = await call("audit", "tail", "--all", "--no-follow", "--json");
  t.regex(events.stdout, /"tokenIssued".*\n.*"serviceStopped":\{"reason":"SIGTERM"\}/, "all events were forwarded");
  const second = await start(t);
  await second.untilLogged("ready");
  const verified = await call("token", "verify", "service", "--audience", "api", token.trim());
  t.regex(verified.stdout, /^valid\n/, verified.stderr);
});

testContainer("the health check fails while it drains, when calls are still answered, and without it", async (t) => {
  t.timeout(300_000, "it starts containers");
  const { start, call } = await installation();
  const container = await start(t, { environment: { SIGNET_SHUTDOWN_DRAIN: "1h" } });
  await container.untilLogged("ready");
  const { healthcheck } = (await image()).dockerfile;
  t.like(await container.exec(healthcheck), { code: 0, stdout: "SERVING\n" });
  t.deepEqual(processesOf(container), [container.pid], "the check left nothing behind");
  container.signal("SIGTERM");
  await container.untilLogged("stopping");
  t.is((await container.exec(healthcheck)).code, 1);
  t.is((await call("token", "issue", "service", "--subject", "alice", "--audience", "api")).code, 0);
  container.signal("SIGTERM");
  t.is((await container.finished).code, 1, "a second signal ends it at once");
  const alone = await start(t, { words: healthcheck.slice(2) });
  t.is((await alone.finished).code, 69, "nobody answers");
});

testContainer("it is process 1 of an unprivileged user, with the environment and folder of the image", async (t) => {
  t.timeout(300_000, "it starts a container");
  const container = await (await installation()).start(t);
  await container.untilLogged("ready");
  const status = readFileSync(`/proc/${container.pid}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, "m").exec(status)?.[1];
  t.is(field("NSpid"), `${container.pid}\t1`);
  for (const ids of ["Uid", "Gid"]) t.is(field(ids), Array(4).fill(USER).join("\t"));
  t.is(field("Groups"), "");
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) t.is(field(set), "0".repeat(16), set);
  t.is(field("NoNewPrivs"), "1");
  const environment = readFileSync(`/proc/${container.pid}/environ`, "utf8").split("\0");
  t.true(environment.includes("MALLOC_ARENA_MAX=1"));
  t.regex(readlinkSync(`/proc/${container.pid}/cwd`), /\/data$/);
  t.deepEqual(processesOf(container), [container.pid], "it starts no process that it would have to wait for");
});

/** Prints the folders in which this process can make a file. */
const TRY_FOLDERS = `for (const folder of process.argv.slice(1))
  try { fs.writeFileSync(folder + "/tried", ""); console.log(folder) } catch {}`;
const FOLDERS = ["/", "/data", "/dev", "/etc", "/home/nonroot", "/run/secrets", "/signet", "/signet/lib", "/tmp"];

testContainer("a stack trace names the places in the sources", async (t) => {
  t.timeout(300_000, "it starts a container");
  const container = await (await installation()).start(t);
  await container.untilLogged("ready");
  const [node = "", ...flags] = (await image()).dockerfile.entrypoint.slice(0, -1);
  const thread = "/signet/lib/state-thread.js";
  const traced = await container.exec([node, ...flags, thread]);
  t.regex(traced.stderr, /not started as a worker[\s\S]* at serveState \(.*src\/state-thread\/serve\.ts:\d+:\d+\)/);
  const copy = `fs.cpSync("/signet/lib", "/data/lib", { recursive: true, filter: (path) => !path.endsWith(".map") })`;
  await container.exec([node, "-e", copy]);
  const bare = await container.exec([node, ...flags, "/data/lib/state-thread.js"]);
  t.regex(bare.stderr, /not started as a worker[\s\S]* at serveState \(.*lib\/\S+\.js:\d+:\d+\)/, "negative control");
});

testContainer("it can write to its volume alone; if the root were not read-only, elsewhere too", async (t) => {
  t.timeout(300_000, "it starts containers");
  const { start } = await installation();
  const writable = async (isRootWritable: boolean) => {
    const container = await start(t, { isRootWritable });
    await container.untilLogged("ready");
    const { stdout } = await container.exec(["/nodejs/bin/node", "-e", TRY_FOLDERS, ...FOLDERS]);
    container.signal("SIGKILL");
    await container.finished;
    return stdout.trim().split("\n");
  };
  t.deepEqual(await writable(false), ["/data"]);
  t.deepEqual(await writable(true), ["/data", "/home/nonroot", "/tmp"], "negative control");
});

testContainer("without a volume that it may write to, it does not start, and says why", async (t) => {
  t.timeout(300_000, "it starts containers");
  const { start, mounts } = await installation();
  const refused = async (options: Parameters<typeof start>[1]) => (await start(t, options)).finished;
  const others = mounts.filter(({ to }) => to !== "/data");
  const none = await refused({ mounts: others });
  t.is(none.code, 74);
  t.regex(none.stderr, /^error: STATE: .*\/data.*EROFS/);
  const folder = await tempFolder(t);
  chmodSync(folder, 0o755);
  const ofRoot = await refused({ mounts: [...others, { from: folder, to: "/data" }] });
  t.is(ofRoot.code, 74);
  t.regex(ofRoot.stderr, /^error: STATE: .*\/data.*EACCES/);
});

testContainer("a secret that all may read is refused; one of its user or its group is not", async (t) => {
  t.timeout(300_000, "it starts containers");
  const { start, kek } = await installation();
  const owned = (uid: number, gid: number, mode: number) => {
    chownSync(kek, uid, gid);
    chmodSync(kek, mode);
  };
  t.teardown(() => owned(USER, USER, 0o400));
  owned(0, 0, 0o444);
  const refused = await (await start(t)).finished;
  t.is(refused.code, 77);
  t.regex(refused.stderr, /\/run\/secrets\/kek has mode 0444: others must have no access to it/);
  owned(0, USER, 0o440);
  const container = await start(t);
  await t.notThrowsAsync(container.untilLogged("ready"));
});

const nameOf = ({ event }: { readonly event: string }): string => event;

/** All processes of a container, as this machine numbers them, those that have ended and were not waited for too. */
function processesOf({ pid }: Container): number[] {
  const namespaceOf = (process: string) => {
    try {
      return readlinkSync(`/proc/${process}/ns/pid`);
    } catch {
      return undefined;
    }
  };
  const own = namespaceOf(String(pid));
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return all.filter((process) => namespaceOf(process) === own).map(Number);
}
