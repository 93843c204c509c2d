import packageJson from "../../../package.json" with { type: "json" };
import { createChangeFilter } from "../../async/changes.ts";
import type { Config } from "../../config/config.ts";
import { openTracing, type Tracing } from "../../otel/tracing.ts";
import type { Log } from "../log.ts";

/** Opens traces, if the configuration asks for them. Rejects with their StartError. */
export async function openTraces({ traces, grpc }: Config, log: Log): Promise<Tracing | undefined> {
  if (traces === undefined) return undefined;
  const isNew = createChangeFilter();
  return openTracing({ ...traces, version: packageJson.version, address: grpc.address }, (message) => {
    if (isNew(message)) log("warn", { type: "traces.lost", message });
  });
}
