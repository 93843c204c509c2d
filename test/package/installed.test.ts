import { execFileSync } from "node:child_process";
import { globSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import test from "ava";
import packageJson from "../../package.json" with { type: "json" };
import { OLDEST_NODE } from "../../src/node-version.ts";
import { buildPackage } from "../support/built-package.ts";
import { tempFolder } from "../support/files/temp.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { refusedStart, spawnService } from "../support/service/service-process.ts";
import { shared } from "../support/service/shared.ts";
import { startCollector } from "../support/traces/collector.ts";
import { recordsAll } from "../support/traces/traced-calls.ts";
import { type Installed, installPackage, installTarball, outcomeOf } from "./installed-package.ts";

const install = shared(test, installPackage);
let installed: Installed;

test.before(async (t) => {
  t.timeout(300_000, "it builds, packs and installs the package");
  installed = await install();
});

const filesIn = (tarball: string): string[] =>
  execFileSync("tar", ["--list", "--file", tarball], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));

test("the package has what runs and what readers need, and no file for development", (t) => {
  const files = filesIn(installed.tarball);
  t.deepEqual([...new Set(files.map((file) => file.split("/")[0]))].toSorted(), [
    "LICENSE",
    "README.md",
    "THIRD-PARTY-NOTICES",
    "bin",
    "deploy",
    "examples",
    "lib",
    "package.json",
    "policies",
    "profiles",
    "proto",
    "sbom.cdx.json",
  ]);
  const kinds = /\.(js|js\.map|d\.ts|proto)$/;
  t.deepEqual(
    files.filter((file) => file.startsWith("lib/") && !kinds.test(file)),
    [],
  );
  t.true(["main", "audit-thread", "state-thread", "verify-thread"].every((name) => files.includes(`lib/${name}.js`)));
});

test("the same checkout gives the same bytes", async (t) => {
  const again = await tempFolder(t);
  await buildPackage(again);
  const compare = () => outcomeOf("diff", ["--brief", "--recursive", installed.built, again]);
  t.like(await compare(), { code: 0, stdout: "" });
  writeFileSync(join(again, "lib/main.js"), "// changed\n");
  t.is((await compare()).code, 1, "control: a change is found");
});

test("the command tells the version of the package, and its help", async (t) => {
  t.like(await outcomeOf(installed.command, ["--version"]), { code: 0, stdout: `${packageJson.version}\n` });
  const help = await outcomeOf(installed.command, ["--help"]);
  t.is(help.code, 0);
  t.regex(help.stdout, /^Usage: signet /);
});

serialTestWithNats(
  "an installed service issues, verifies, rotates and records, with the installed command",
  async (t) => {
    t.timeout(300_000, "it starts a service and some six commands, one after the other");
    const nats = await startNats(t);
    const data = await tempFolder(t);
    const service = await spawnService(t, {
      data,
      env: { SIGNET_NATS_URL: nats.url },
      program: join(installed.root, "lib/main.js"),
    });
    const signet = (words: string, input?: string) =>
      outcomeOf(installed.command, words.split(" "), {
        env: { SIGNET_ADDRESS: service.grpc },
        ...(input !== undefined && { input }),
      });

    const issued = await signet("token issue service --subject alice --audience api://orders");
    t.is(issued.code, 0);
    t.regex((await signet("token verify service --audience api://orders", issued.stdout)).stdout, /^valid$/m);
    t.is((await signet("token verify service --audience api://other", issued.stdout)).code, 1);
    t.is((await signet("keys rotate service")).code, 0);
    t.true(service.log.some(({ event, reason }) => event === "keys.rotated" && reason !== "first"));
    t.is((await signet("health")).code, 0);
    const events = await signet(`audit tail --nats ${nats.url} --last 20 --no-follow`);
    t.regex(events.stdout, /token\.issued/);

    writeFileSync(join(installed.folder, "issue.mjs"), CALLER);
    const called = await outcomeOf(process.execPath, ["issue.mjs", service.grpc], { cwd: installed.folder });
    t.deepEqual(called, { code: 0, stdout: "ISSUED bob\n", stderr: "" });
    t.is(await service.stop(), 0);
  },
);

test.serial("an installed service with its optional packages exports the spans of a call", async (t) => {
  t.timeout(300_000, "it starts a service and a command");
  const collector = await startCollector(t);
  const env = recordsAll(collector);
  const program = join(installed.root, "lib/main.js");
  const service = await spawnService(t, { data: await tempFolder(t), env, program });
  const words = ["token", "issue", "service", "--subject", "alice", "--audience", "api://orders"];
  t.is((await outcomeOf(installed.command, words, { env: { SIGNET_ADDRESS: service.grpc } })).code, 0);
  const call = await collector.span("the call", ({ name }) => name === "signet.v1.TokenService/IssueToken");
  t.like(call.resource, { "service.name": "signet", "service.version": packageJson.version });
  t.true(collector.spans.some(({ name, parentSpanId }) => name === "sign" && parentSpanId === call.spanId));
  t.is(await service.stop(), 0);
});

test.serial("without them a start with traces is refused and says what to install, and others succeed", async (t) => {
  t.timeout(300_000, "it installs the package once more");
  const program = join(installTarball(installed.tarball, await tempFolder(t), "--omit=optional"), "lib/main.js");
  const env = recordsAll({ endpoint: "http://127.0.0.1:1/v1/traces" });
  const { code, text } = await refusedStart(t, { data: await tempFolder(t), env, program });
  t.is(code, 78);
  t.regex(
    text,
    /^error: TRACES_PACKAGES: .*packages of OpenTelemetry are not installed: run npm install without --omit=o/m,
  );
  const service = await spawnService(t, { data: await tempFolder(t), program });
  t.is(await service.stop(), 0);
});

/** Uses a client, a codec, and the details of an error. */
const CALLER = `
import { credentials } from "@grpc/grpc-js";
import { ErrorInfo } from "@signet-tokens/signet/google/rpc/error_details";
import { IssueTokenRequest, TokenServiceClient } from "@signet-tokens/signet/v1/token";

const client = new TokenServiceClient(process.argv[2], credentials.createInsecure());
const request = IssueTokenRequest.fromPartial({ profile: "service", subject: "bob", audience: ["api://orders"] });
client.issueToken(request, (error, response) => {
  if (error) throw error;
  const claims = JSON.parse(Buffer.from(response.token.split(".")[1], "base64url"));
  console.log(ErrorInfo.fromPartial({ reason: "ISSUED" }).reason, claims.sub);
  client.close();
});
`;

const TYPED = `
import { credentials } from "@grpc/grpc-js";
import { IssueTokenRequest, TokenServiceClient } from "@signet-tokens/signet/v1/token";

const client = new TokenServiceClient("127.0.0.1:1", credentials.createInsecure());
client.issueToken(IssueTokenRequest.fromPartial({ profile: "service" }), (_error, response) => response.token.length);
`;

test("the types of the stubs fit a strict program that uses them", async (t) => {
  const compile = async (source: string) => {
    writeFileSync(join(installed.folder, "typed.ts"), source);
    const types = join(import.meta.dirname, "../../node_modules/@types");
    const options = ["--strict", "--module", "nodenext", "--noEmit", "--typeRoots", types, "--types", "node"];
    const compiler = join(import.meta.dirname, "../../node_modules/.bin/tsc");
    return await outcomeOf(compiler, [...options, "typed.ts"], { cwd: installed.folder });
  };
  t.deepEqual(await compile(TYPED), { code: 0, stdout: "", stderr: "" });
  const wrong = await compile(TYPED.replace("response.token.", "response.tokens."));
  t.regex(
    wrong.stdout,
    /^typed\.ts\(6,\d+\): error TS\d+: Property 'tokens' does not exist/,
    "control: the types are read",
  );
});

test("a stack trace names the places in the sources", async (t) => {
  const thread = join(installed.root, "lib/state-thread.js");
  const traced = await outcomeOf(process.execPath, [thread]);
  t.regex(
    traced.stderr,
    /not started as a worker[\s\S]* at serveState \(.*signet\/src\/state-thread\/serve\.ts:\d+:\d+\)/,
  );
  const map = `${thread}.map`;
  renameSync(map, `${map}.away`);
  t.teardown(() => renameSync(`${map}.away`, map));
  const bare = await outcomeOf(process.execPath, [thread]);
  t.regex(bare.stderr, /not started as a worker[\s\S]* at serveState \(.*lib\/state-thread\.js:\d+:\d+\)/, "control");
});

interface Component {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
}

test("the SBOM has exactly the packages in the bundle, and the notices have their licenses", (t) => {
  const sbom = JSON.parse(readFileSync(join(installed.root, "sbom.cdx.json"), "utf8"));
  t.like(sbom, { bomFormat: "CycloneDX", metadata: { component: { name: "signet", version: packageJson.version } } });
  const names = (sbom.components as readonly Component[]).map(({ group, name }) => (group ? `${group}/${name}` : name));
  t.deepEqual([...new Set(names)].toSorted(), packagesIn(installed.root));
  for (const development of ["typescript", "ava", "esbuild", "ts-proto"]) t.false(names.includes(development));
  const notices = readFileSync(join(installed.root, "THIRD-PARTY-NOTICES"), "utf8");
  t.deepEqual(
    (sbom.components as readonly Component[]).filter(
      ({ group, name, version }) => !notices.includes(`\n${group ? `${group}/` : ""}${name} ${version}: `),
    ),
    [],
  );
});

/** The packages that the source maps of the bundle name. A name with a dot in front is of a library's own map. */
function packagesIn(root: string): string[] {
  const sources = globSync("lib/*.map", { cwd: root }).flatMap(
    (map): string[] => JSON.parse(readFileSync(join(root, map), "utf8")).sources,
  );
  const packages = sources.flatMap(
    (source) => /.*\/node_modules\/(@[^/]+\/[^/.][^/]*|[^@/.][^/]*)\//.exec(source)?.[1] ?? [],
  );
  return [...new Set(packages)].toSorted();
}

test("the package depends on what the stubs import, and on the Node that the command asks for", (t) => {
  const published = JSON.parse(readFileSync(join(installed.root, "package.json"), "utf8"));
  const { dependencies } = packageJson;
  t.deepEqual(published.dependencies, {
    "@bufbuild/protobuf": dependencies["@bufbuild/protobuf"],
    "@grpc/grpc-js": dependencies["@grpc/grpc-js"],
  });
  const launcher = readFileSync(join(installed.root, "bin/signet"), "utf8");
  t.true(launcher.includes(`Node ${published.engines.node} `));
  for (const word of packageJson.scripts.start.split(" ").filter((word) => /^(MALLOC|--)/.test(word)))
    t.true(launcher.includes(` ${word} `) || launcher.includes(`export ${word}\n`), word);
});

test("the README names the tarball and the Node of this version", (t) => {
  const readme = readFileSync(join(installed.root, "README.md"), "utf8");
  t.true(readme.includes(`npm install --global ${basename(installed.tarball)}\n`));
  t.true(readme.includes(`Node ${OLDEST_NODE.join(".")} or newer`));
});
