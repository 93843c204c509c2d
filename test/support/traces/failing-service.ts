import { startApp } from "../../../src/app/app.ts";
import { AuditError } from "../../../src/audit/event.ts";
import { loadConfig } from "../../../src/config/load.ts";

/** A service that can't store the events of its first two tokens: one for want of storage, one because of a bug. */
const errors = [new AuditError("UNAVAILABLE", "no storage"), new TypeError("a bug")];

await startApp(loadConfig({ env: process.env }), {
  wrapAudit: (audit) => ({
    append(event, time) {
      const error = event.type === "token.issued" ? errors.shift() : undefined;
      return error === undefined ? audit.append(event, time) : Promise.reject(error);
    },
  }),
});
