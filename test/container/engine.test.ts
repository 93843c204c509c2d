import { execFileSync } from "node:child_process";
import test, { type ExecutionContext } from "ava";
import { recordToken } from "../support/leaks/record.ts";
import { findTool } from "../support/service/find-tool.ts";
import { testUnless } from "../support/unless-missing.ts";
import { readDockerfile } from "./dockerfile.ts";
import { BASE, buildWithEngine } from "./engine.ts";
import { buildImage } from "./image.ts";
import { newVolume } from "./installation.ts";
import { runImage } from "./runtime.ts";

const TITLE = "buildah builds the Dockerfile, and crun runs the service in the image";
const absent = ["buildah", "crun"].find((tool) => findTool(tool) === undefined);
const missing = absent && `${absent} is not on PATH; scripts/commands.sh buildah crun says how to get it`;

if (process.env.SOAK === undefined) test.skip(`${TITLE} (skipped: make soak runs it)`, () => {});
else testUnless(missing, TITLE, buildAndRun);

async function buildAndRun(t: ExecutionContext): Promise<void> {
  t.timeout(1_800_000, "it installs all packages, and builds two images");
  const { root, config } = await buildWithEngine(t);
  const dockerfile = readDockerfile();
  t.like(config, {
    User: dockerfile.user,
    Entrypoint: dockerfile.entrypoint,
    Cmd: dockerfile.command,
    WorkingDir: dockerfile.workdir,
  });
  t.deepEqual(config.Healthcheck.Test, ["CMD", ...dockerfile.healthcheck]);
  t.is(config.Labels["org.opencontainers.image.base.name"], BASE);

  const container = await runImage(t, { root, config }, await newVolume(t, { root, dockerfile }));
  await container.untilLogged("ready");
  const signet = (words: string, input?: string) => container.exec([...config.Entrypoint, ...words.split(" ")], input);
  const [, ...healthcheck] = config.Healthcheck.Test;
  t.like(await container.exec(healthcheck), { code: 0, stdout: "SERVING\n" });
  const { stdout: token, stderr } = await signet("token issue service --subject alice --audience api");
  recordToken(token.trim());
  t.regex((await signet("token verify service --audience api", token)).stdout, /^valid$/m, stderr);
  t.is((await signet("token verify service --audience other", token)).code, 1, "negative control");
  const tried = await container.exec(["/nodejs/bin/node", "-e", "fs.writeFileSync('/signet/tried', '')"]);
  t.regex(tried.stderr, /EROFS/);
  t.like(await container.stop(), { code: 0, stderr: "" });

  const own = await buildImage(t);
  t.deepEqual(filesIn(own.root), filesIn(root), "the image that the other tests run is like that of buildah");
}

/** Each path of the folders that the Dockerfile makes, with its mode and owner, and the size of each file. */
function filesIn(root: string): string[] {
  const format = ["-printf", "\n%p %m %U:%G", "-type", "f", "-printf", " %s"];
  const found = execFileSync("find", ["signet", "data", ...format], { cwd: root, encoding: "utf8" });
  return found.split("\n").toSorted();
}
