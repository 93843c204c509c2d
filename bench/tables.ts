import type { TableName } from "./options.ts";
import { measureAuditVerify } from "./tables/audit-verify.ts";
import { measureBacklog } from "./tables/backlog.ts";
import { measureLatency } from "./tables/latency.ts";
import { measureMemory } from "./tables/memory.ts";
import { measureModes } from "./tables/modes.ts";
import { measureScale } from "./tables/scale.ts";
import { measurePinned, measureServers } from "./tables/servers.ts";
import { measureSessions } from "./tables/sessions/sessions.ts";
import { measureSize } from "./tables/size.ts";
import { measureStart } from "./tables/start.ts";
import type { Table } from "./tables/table.ts";
import { measureNetwork, measureProfiles, measureTraces } from "./tables/variants.ts";

export const MEASUREMENTS: Readonly<Record<TableName, Table>> = {
  servers: measureServers,
  pinned: measurePinned,
  latency: measureLatency,
  memory: measureMemory,
  start: measureStart,
  scale: measureScale,
  size: measureSize,
  profiles: measureProfiles,
  network: measureNetwork,
  traces: measureTraces,
  modes: measureModes,
  backlog: measureBacklog,
  sessions: measureSessions,
  verify: measureAuditVerify,
};
