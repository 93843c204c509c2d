import test, { type ExecutionContext } from "ava";
import type { NoteSink } from "../../src/audit/forward/sink.ts";
import { type Note, NotePublisher } from "../../src/audit-thread/note-publisher.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { waitUntil } from "../support/wait-until.ts";

const noteOf = (size: number, writer = "w"): Note => ({ writer, size, position: size, text: `${size}`, isLast: false });

/** A publisher over a connection that is there, whose events are acknowledged up to `acknowledged`. */
function publishing(t: ExecutionContext, { acknowledged = 0, inspected = 1 } = {}) {
  const state = { acknowledged, inspected, looks: 0 };
  const published: number[] = [];
  const sink: NoteSink = {
    connected: async () => 1,
    lastNote: async () => undefined,
    async publishNote({ id }) {
      published.push(Number(id.split("/")[1]));
      return { stored: true, seq: 1, duplicate: false };
    },
  };
  const publisher = new NotePublisher({
    sink,
    spool: {
      get acknowledged() {
        return { position: state.acknowledged, stream: undefined };
      },
      followed: async () => {},
    },
    inspected() {
      state.looks += 1;
      return state.inspected;
    },
    onConnected: async () => {},
    onPublished: () => {},
    onFailed: (message) => t.fail(message),
    random: () => 0,
  });
  t.teardown(() => publisher.stop(0));
  // The publisher's own timers keep no process alive.
  async function isPublished(note: Note, ms: number): Promise<boolean> {
    const alive = setInterval(() => {}, HANGS_MS);
    return await publisher.isPublished(note, ms).finally(() => clearInterval(alive));
  }
  return { publisher, isPublished, published, state };
}

test("a note that a larger one replaced counts as published only when that one is", async (t) => {
  const { publisher, isPublished, published, state } = publishing(t);
  publisher.offer(noteOf(1));
  publisher.offer(noteOf(2));
  t.false(await isPublished(noteOf(1), 1));
  t.deepEqual(published, []);
  state.acknowledged = 2;
  publisher.offer(noteOf(2));
  t.true(await isPublished(noteOf(1), HANGS_MS));
  t.deepEqual(published, [2]);
});

test("of a log that the stream contradicts nothing is published", async (t) => {
  const { publisher, isPublished, published, state } = publishing(t);
  publisher.offer(noteOf(1));
  publisher.abandon("w");
  publisher.offer(noteOf(2));
  state.acknowledged = 2;
  publisher.offer(noteOf(1, "other"));
  t.true(await isPublished(noteOf(1, "other"), HANGS_MS));
  t.deepEqual(published, [1]);
  t.false(await isPublished(noteOf(1), 1));
});

test("nothing is published before the stream was inspected over this connection: its events may be lost", async (t) => {
  const { publisher, isPublished, published, state } = publishing(t, { acknowledged: 9, inspected: 0 });
  publisher.offer(noteOf(1));
  const { looks } = state;
  publisher.offer(noteOf(2));
  await waitUntil("it has looked", () => state.looks > looks);
  t.deepEqual(published, []);
  state.inspected = 1;
  publisher.offer(noteOf(3));
  t.true(await isPublished(noteOf(3), HANGS_MS));
  t.deepEqual(published, [3]);
});
