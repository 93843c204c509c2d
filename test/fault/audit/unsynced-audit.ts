import { openDiskFile } from "../../../src/audit/spool/segment-file.ts";
import { serveAudit } from "../../../src/audit-thread/serve.ts";

await serveAudit({
  openSpoolFile: async (path, mode) => ({ ...(await openDiskFile(path, mode)), sync: async () => undefined }),
});
