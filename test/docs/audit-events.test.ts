import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { tempFolder } from "../support/files/temp.ts";
import { envOf, startAccountsNats } from "../support/nats/accounts.ts";
import { testWithNats } from "../support/nats/nats-server.ts";
import { issue, startService } from "../support/service/service.ts";
import { readPage } from "./pages.ts";

const [, PROGRAM = ""] = /^```ts\n(.*?)^```$/ms.exec(readPage("docs/audit-events.md")) ?? [];

testWithNats("the program of docs/audit-events.md reads events as the auditor of make run", async (t) => {
  const nats = await startAccountsNats(t);
  const service = await startService(t, { env: envOf(nats, nats.signet) });
  const { tokenId } = await issue(service);
  const folder = await tempFolder(t);
  await symlink(join(import.meta.dirname, "../../node_modules"), join(folder, "node_modules"));
  await mkdir(join(folder, "data/nats"), { recursive: true });
  await symlink(nats.auditor.password, join(folder, "data/nats/auditor.password"));
  const program = join(folder, "program.mts");
  await writeFile(program, PROGRAM.replace("nats://127.0.0.1:4222", nats.url));
  const child = spawn(process.execPath, [program], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  const printed = createInterface(child.stdout);
  const lines: string[] = [];
  printed.on("line", (line) => lines.push(line));
  await Promise.race([
    new Promise<void>((resolve) => printed.on("line", (line) => line.includes(tokenId) && resolve())),
    once(child, "exit"),
  ]);
  t.regex(lines.join("\n"), new RegExp(`^[\\da-f-]{36} \\{\n[^]*tokenId: '${tokenId}'`));
});
