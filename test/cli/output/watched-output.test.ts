import test from "ava";
import { tempFolder } from "../../support/files/temp.ts";
import { signetProcess } from "../../support/service/command-line.ts";

const into = (target: string) => ["sh", "-c", `"$@" ${target}`, "sh"];

test("an answer that can't be written is a failure with its cause, whichever command gives it", async (t) => {
  const data = await tempFolder(t);
  for (const words of [["--version"], ["--help"], ["completion", "bash"]]) {
    const { code, stderr } = await signetProcess(words, { data, under: into("> /dev/full") });
    t.is(code, 74, words.join(" "));
    t.regex(stderr, /^error: OUTPUT: standard output can't be written: ENOSPC/);
  }
});

test("an answer that is no and can't be written keeps its exit code, and the cause is told", async (t) => {
  const data = await tempFolder(t);
  const { code, stderr } = await signetProcess(["audit", "verify", "/dev/null"], { data, under: into("> /dev/full") });
  t.is(code, 1);
  t.regex(stderr, /^error: OUTPUT: standard output can't be written: ENOSPC/);
});

test("a reader that wants no more is no failure", async (t) => {
  const data = await tempFolder(t);
  const ignored = await signetProcess(["completion", "bash"], {
    data,
    under: ["bash", "--norc", "-o", "pipefail", "-c", `"$@" | true`, "bash"],
  });
  t.deepEqual([ignored.code, ignored.stderr], [0, ""]);
});
