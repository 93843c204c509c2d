import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { testWithTools } from "../support/service/with-tools.ts";
import { CHECKOUT, readDockerfile } from "./dockerfile.ts";

testWithTools(
  ["hadolint"],
  "hadolint has no objection to the Dockerfile, and would have to one",
  async (t, hadolint) => {
    const lint = (dockerfile: string) =>
      execFileSync(hadolint, ["-"], { input: dockerfile, cwd: CHECKOUT, encoding: "utf8" });
    t.notThrows(() => execFileSync(hadolint, [join(CHECKOUT, "Dockerfile")], { encoding: "utf8" }));
    const error = t.throws<Error & { stdout?: string }>(() => lint("FROM debian\nENTRYPOINT node main.js\n"));
    t.regex(error?.stdout ?? "", /DL3006.*\n.*DL3025/, "negative control");
  },
);

test("the image starts Node with the flags and the environment of the package's command", (t) => {
  const { entrypoint, environment } = readDockerfile();
  const launcher = readFileSync(join(CHECKOUT, "scripts/build/signet.sh"), "utf8");
  const [, flags] = /exec node (.*) ".*\/main\.js"/.exec(launcher) ?? [];
  t.is(entrypoint.join(" "), `/nodejs/bin/node ${flags} /signet/lib/main.js`);
  const exported = [...launcher.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]);
  t.is(exported.length, 1);
  t.like(environment, Object.fromEntries(exported));
});
