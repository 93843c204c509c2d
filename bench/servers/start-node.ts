import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Node with the environment and the flags of the start script in package.json. */
export function startNode(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  const words: string[] = scripts.start.split(" ");
  const start = words.slice(0, words.indexOf("src/main.ts"));
  return ["/usr/bin/env", ...start.map((word) => (word === "node" ? process.execPath : word))];
}

/** The address of its gRPC port, if this is the log line of a server that is ready. */
export function readyAt(line: string): string | undefined {
  if (!line.startsWith("{")) return undefined;
  const { event, grpc } = JSON.parse(line);
  return event === "ready" ? grpc : undefined;
}
