import { setTimeout as pause } from "node:timers/promises";
import type { EventSink } from "../../../src/audit/forward/sink.ts";
import { type OpenSpoolFile, openDiskFile } from "../../../src/audit/spool/segment-file.ts";
import type { AuditAdapters } from "../../../src/audit-thread/pipeline.ts";
import { serveAudit } from "../../../src/audit-thread/serve.ts";
import { cachedFiles } from "../../support/files/spool-files.ts";
import { die } from "./die.ts";

const { KILL_STEP, KILL_NUMBER } = process.env;
await serveAudit(machineFor(KILL_STEP, Number(KILL_NUMBER)));

function machineFor(step: string | undefined, number: number): AuditAdapters {
  const tokens = countTokens();
  switch (step) {
    case "in the middle of a slow sync":
      return { openSpoolFile: dieInSync(tokens, number) };
    case "after the ack":
      return { openSpoolFile: counted(cachedFiles(), tokens), wrapSink: dieAfterPublish(tokens, number) };
    case "after a sync that did not happen":
      return { openSpoolFile: cachedFiles({ lying: true }) };
    default:
      return { openSpoolFile: cachedFiles() };
  }
}

interface TokenCount {
  written: number;
  add(bytes: Uint8Array): void;
}

/** The tokens whose events this process has written. */
function countTokens(): TokenCount {
  return {
    written: 0,
    add(bytes) {
      this.written += Buffer.from(bytes).toString("latin1").split('"tokenIssued"').length - 1;
    },
  };
}

function counted(open: OpenSpoolFile, tokens: TokenCount): OpenSpoolFile {
  return async (path, mode) => {
    const file = await open(path, mode);
    return {
      write(bytes) {
        tokens.add(bytes);
        return file.write(bytes);
      },
      prepare: () => file.prepare(),
      sync: () => file.sync(),
      look: () => file.look(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  };
}

/** Dies with half of a group on the disk, so late that an answer which did not wait for the disk has arrived. */
function dieInSync(tokens: TokenCount, number: number): OpenSpoolFile {
  return async (path, mode) => {
    const file = await openDiskFile(path, mode);
    let unsynced: Uint8Array | undefined;
    return {
      ...file,
      async write(bytes) {
        tokens.add(bytes);
        if (tokens.written >= number) unsynced = bytes;
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
}

/** Dies before the spool hears of what NATS has acknowledged. */
function dieAfterPublish(tokens: TokenCount, number: number) {
  return (sink: EventSink): EventSink => ({
    connected: (signal) => sink.connected(signal),
    inspect: (mark, signal) => sink.inspect(mark, signal),
    async publish(events, signal) {
      const outcomes = await sink.publish(events, signal);
      if (tokens.written >= number && outcomes.some(({ stored }) => stored)) die();
      return outcomes;
    },
  });
}
