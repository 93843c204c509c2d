import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openDiskFile } from "../../src/audit/spool/segment-file.ts";
import { serveAudit } from "../../src/audit-thread/serve.ts";

await serveAudit({
  openSpoolFile: async (path, mode) => {
    const file = await openDiskFile(path, mode);
    const asked = (trouble: string) => existsSync(join(dirname(path), trouble));
    const requireRoom = (): void => {
      if (!asked("full")) return;
      appendFileSync(join(dirname(path), "full"), ".");
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    };
    return {
      ...file,
      async write(bytes) {
        requireRoom();
        await file.write(bytes);
      },
      async prepare() {
        requireRoom();
        await file.prepare();
      },
      async sync() {
        if (asked("die")) {
          setImmediate(() => {
            throw new Error("the storage has killed the thread");
          });
          await pause(60_000);
        }
        if (asked("hang")) writeFileSync(join(dirname(path), "hanging"), "");
        // It blocks, as the system's call does.
        while (asked("hang")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        await file.sync();
      },
    };
  },
});
