// An audit's thread whose storage hangs while there is a file `hang` in the spool's folder, and which dies at its next
// sync when there is one called `die`.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openDiskFile } from "../../src/audit/spool-file.ts";
import { serveAudit } from "../../src/audit-thread/serve.ts";

await serveAudit({
  openSpoolFile: async (path, mode) => {
    const file = await openDiskFile(path, mode);
    const asked = (trouble: string) => existsSync(join(dirname(path), trouble));
    return {
      ...file,
      async sync() {
        if (asked("die")) {
          setImmediate(() => {
            throw new Error("the storage has killed the thread");
          });
          await pause(60_000);
        }
        while (asked("hang")) await pause(5);
        await file.sync();
      },
    };
  },
});
