import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Implementation } from "ava";
import { tempFolder } from "../files/temp.ts";
import { findTool } from "../service/find-tool.ts";
import type { Ending } from "../service/shared.ts";
import { testUnless } from "../unless-missing.ts";

const absent = ["systemd-notify", "python3"].find((tool) => findTool(tool) === undefined);

/** A test that needs `systemd-notify`, and python3 for its socket. Without them it is skipped, and fails in CI. */
export function testWithNotify(title: string, implementation: Implementation<[]>): void {
  testUnless(absent && `${absent} is not on PATH`, title, implementation);
}

/** Prints each datagram as a line of JSON. What is not received of one is closed: `systemd-notify` waits for that. */
const LISTENER = `
import json, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print(json.dumps("listening"), flush=True)
while True: print(json.dumps(listener.recv(65536).decode()), flush=True)
`;

/** The socket of a service manager, and the messages that it got, each with its fields. */
export interface NotifySocket {
  readonly path: string;
  readonly messages: readonly Readonly<Record<string, string>>[];
}

/** Listens until the test ends, as a service manager does. */
export async function listenAsManager(t: Ending): Promise<NotifySocket> {
  const path = join(await tempFolder(t), "notify");
  const child = spawn("python3", ["-c", LISTENER, path], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  const messages: Record<string, string>[] = [];
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  lines.on("line", (line) => {
    const fields = (JSON.parse(line) as string).split("\n").filter((field) => field !== "");
    // The message with which systemd-notify waits until the others are read.
    if (fields.includes("BARRIER=1")) return;
    messages.push(Object.fromEntries(fields.map((field) => field.split(/=(.*)/s))));
  });
  return { path, messages };
}
