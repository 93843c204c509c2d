import { serveAudit } from "../../../src/audit-thread/serve.ts";
import { die } from "./die.ts";

/** An audit thread that kills its process when a checkpoint is stored, and not yet published. */
await serveAudit({
  wrapNotes: (sink) => ({ connected: sink.connected.bind(sink), lastNote: sink.lastNote.bind(sink), publishNote: die }),
});
