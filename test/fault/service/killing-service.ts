import { startApp } from "../../../src/app/app.ts";
import type { Surroundings } from "../../../src/app/run.ts";
import type { AuditEvent, AuditLog } from "../../../src/audit/event.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { die } from "./die.ts";

/** More than are in flight at a time: some of the last so many answers have reached the client. */
const LATE_BY = 64;

const STEPS: Readonly<Record<string, (number: number) => Partial<Surroundings>>> = {
  "after signing": (number) => ({ wrapAudit: dieBeforeAppend(number) }),
  "in the middle of a slow sync": () => ({}),
  "after the sync": (number) => ({ wrapAudit: dieAfterAppend(number) }),
  "after the ack": () => ({}),
  "at any moment": (number) => {
    setTimeout(die, number);
    return {};
  },
  // The negative controls.
  "before a sync that comes after the answer": (number) => ({
    wrapAudit: (audit) => dieBeforeAppend(number)(answerFirst(audit)),
  }),
  "after a sync that did not happen": (number) => ({ wrapAudit: dieAfterAppend(number) }),
};

const [step = "", number = ""] = process.argv.slice(2);
const surroundings = STEPS[step]?.(Number(number));
if (surroundings === undefined)
  throw new Error(`there is no step "${step}"; there are ${Object.keys(STEPS).join(", ")}`);
Object.assign(process.env, { KILL_STEP: step, KILL_NUMBER: number });
const auditThread = new URL("./killing-audit.ts", import.meta.url);
await startApp(loadConfig({ env: process.env }), { ...surroundings, auditThread });

function countTokens(): (event: AuditEvent) => number {
  let count = 0;
  return ({ type }) => (type === "token.issued" ? ++count : count);
}

function dieBeforeAppend(number: number) {
  return (audit: AuditLog): AuditLog => {
    const count = countTokens();
    return {
      append(event, time, until) {
        if (count(event) >= number) die();
        return audit.append(event, time, until);
      },
    };
  };
}

function dieAfterAppend(number: number) {
  return (audit: AuditLog): AuditLog => {
    const count = countTokens();
    return {
      async append(event, time, until) {
        await audit.append(event, time, until);
        if (count(event) >= number) die();
      },
    };
  };
}

/** The order that loses events: each is appended only when so many more tokens have been answered. */
function answerFirst(audit: AuditLog): AuditLog {
  const late: (() => Promise<void>)[] = [];
  return {
    async append(event, time) {
      if (event.type !== "token.issued") return audit.append(event, time);
      late.push(() => audit.append(event, time));
      if (late.length > LATE_BY) void late.shift()?.();
    },
  };
}
