// The service as a process that kills itself: STEP says where, NUMBER at which token or millisecond. Its audit spool
// stands behind a write-back cache, so that what was not synced is lost with the process, as when the power fails.
import { setTimeout as pause } from "node:timers/promises";
import { type Surroundings, startApp } from "../../src/app.ts";
import type { AuditLog, Happening } from "../../src/audit/event.ts";
import type { EventSink } from "../../src/audit/sink.ts";
import { type OpenSpoolFile, openDiskFile } from "../../src/audit/spool-file.ts";
import { loadConfig } from "../../src/config/load.ts";
import { cachedFiles } from "../support/spool-files.ts";

/** More than are in flight at a time: some of the last so many answers have reached the client. */
const LATE_BY = 64;

const STEPS: Readonly<Record<string, (number: number) => Partial<Surroundings>>> = {
  "after signing": (number) => ({ openSpoolFile: cachedFiles(), wrapAudit: dieBeforeAppend(number) }),
  "in the middle of a slow sync": dieInSync,
  "after the sync": (number) => ({ openSpoolFile: cachedFiles(), wrapAudit: dieAfterAppend(number) }),
  "after the ack": dieAfterPublish,
  "at any moment": (number) => {
    setTimeout(die, number);
    return { openSpoolFile: cachedFiles() };
  },
  // The negative controls.
  "before a sync that comes after the answer": (number) => ({
    openSpoolFile: cachedFiles(),
    wrapAudit: (audit) => dieBeforeAppend(number)(answerFirst(audit)),
  }),
  "after a sync that did not happen": (number) => ({
    openSpoolFile: cachedFiles({ lying: true }),
    wrapAudit: dieAfterAppend(number),
  }),
};

const [step = "", number] = process.argv.slice(2);
const surroundings = STEPS[step]?.(Number(number));
if (surroundings === undefined)
  throw new Error(`there is no step "${step}"; there are ${Object.keys(STEPS).join(", ")}`);
await startApp(loadConfig({ env: process.env }), surroundings);

function die(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("alive after SIGKILL");
}

function countTokens(): (happening: Happening) => number {
  let count = 0;
  return ({ type }) => (type === "token.issued" ? ++count : count);
}

function dieBeforeAppend(number: number) {
  return (audit: AuditLog): AuditLog => {
    const count = countTokens();
    return {
      append(happening, time) {
        if (count(happening) >= number) die();
        return audit.append(happening, time);
      },
    };
  };
}

function dieAfterAppend(number: number) {
  return (audit: AuditLog): AuditLog => {
    const count = countTokens();
    return {
      async append(happening, time) {
        await audit.append(happening, time);
        if (count(happening) >= number) die();
      },
    };
  };
}

/** Dies with half of a group on the disk, so late that an answer which did not wait for the disk has arrived. */
function dieInSync(number: number): Partial<Surroundings> {
  const { due, wrapAudit } = tokensAsked(number);
  const openSpoolFile: OpenSpoolFile = async (path, mode) => {
    const file = await openDiskFile(path, mode);
    let unsynced: Uint8Array | undefined;
    return {
      ...file,
      async write(bytes) {
        if (due()) unsynced = bytes;
        else await file.write(bytes);
      },
      async sync() {
        if (unsynced === undefined) return file.sync();
        await file.write(unsynced.subarray(0, unsynced.length / 2));
        await pause(300);
        die();
      },
    };
  };
  return { openSpoolFile, wrapAudit };
}

/** Dies before the spool hears of what NATS has acknowledged. */
function dieAfterPublish(number: number): Partial<Surroundings> {
  const { due, wrapAudit } = tokensAsked(number);
  const wrapSink = (sink: EventSink): EventSink => ({
    connected: (signal) => sink.connected(signal),
    inspect: (mark, signal) => sink.inspect(mark, signal),
    async publish(events, signal) {
      const outcomes = await sink.publish(events, signal);
      if (due() && outcomes.some(({ stored }) => stored)) die();
      return outcomes;
    },
  });
  return { openSpoolFile: cachedFiles(), wrapAudit, wrapSink };
}

function tokensAsked(number: number) {
  const count = countTokens();
  let due = false;
  const wrapAudit = (audit: AuditLog): AuditLog => ({
    append(happening, time) {
      due = count(happening) >= number;
      return audit.append(happening, time);
    },
  });
  return { due: () => due, wrapAudit };
}

/** The order that loses events: each is appended only when so many more tokens have been answered. */
function answerFirst(audit: AuditLog): AuditLog {
  const late: (() => Promise<void>)[] = [];
  return {
    async append(happening, time) {
      if (happening.type !== "token.issued") return audit.append(happening, time);
      late.push(() => audit.append(happening, time));
      if (late.length > LATE_BY) void late.shift()?.();
    },
  };
}
