import { findTool } from "../../test/support/service/find-tool.ts";
import { pinned, type Server, startServer } from "./process.ts";

/** A nats-server with JetStream in `folder`, on a random loopback port. */
export async function startNats(folder: string, core?: number): Promise<Server> {
  const program = findTool("nats-server");
  if (!program) throw new Error("nats-server is neither on PATH nor in .tools/bin");
  const command = [program, "--jetstream", "--store_dir", folder, "--addr", "127.0.0.1", "--port", "-1"];
  let address: string | undefined;
  return await startServer("nats-server", pinned(command, core), (line) => {
    address ??= /Listening for client connections on (\S+)/.exec(line)?.[1];
    return line.includes("Server is ready") ? address : undefined;
  });
}
