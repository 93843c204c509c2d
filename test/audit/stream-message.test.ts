import test from "ava";
import {
  checkpointLine,
  checkpointSubject,
  isCheckpoint,
  noteOfLine,
  readCheckpoint,
  writerOf,
} from "../../src/audit/stream-message.ts";
import { createLogSigner } from "../support/audit/log-signer.ts";

test("the subject says whether a message is a checkpoint", (t) => {
  t.true(isCheckpoint(checkpointSubject("writer-1")));
  for (const subject of ["signet.audit.token.issued.service", "signet.audit.audit.alive._", "signet.audit.checkpoint"])
    t.false(isCheckpoint(subject), subject);
});

test("a checkpoint is read with its writer, and its line gives the same note again", (t) => {
  const note = createLogSigner("writer-1").checkpoint(["a", "b"]);
  t.like(readCheckpoint(note), { writer: "writer-1", origin: "signet.example/audit/writer-1", size: 2, note });
  const line = checkpointLine(note);
  t.false(line.includes("\n"));
  t.is(noteOfLine(JSON.parse(line)), note);
});

test("what is no note, or of no audit log, is no checkpoint", (t) => {
  const note = createLogSigner("writer-1").checkpoint([]);
  t.truthy(readCheckpoint(note), "control");
  for (const text of [
    "",
    "{}",
    note.replace("\n0\n", "\n00\n"),
    note.replaceAll("/audit/", "/other/"),
    `${note}\u0000`,
  ])
    t.is(readCheckpoint(text), undefined, text);
});

for (const [origin, writer] of [
  ["signet.example/audit/w-1", "w-1"],
  ["signet.example:8443/audit/0198f2d4-7c1e-7abc-8def-0123456789ab", "0198f2d4-7c1e-7abc-8def-0123456789ab"],
  ["signet.example/audit/", undefined],
  ["/audit/w", undefined],
  ["signet.example/audit/a.b", undefined],
  ["signet example/audit/w", undefined],
] as const)
  test(`the writer of the log ${origin} is ${writer}`, (t) => {
    t.is(writerOf(origin), writer);
  });

test("an event is no checkpoint, whatever it has of one", (t) => {
  for (const stored of [{ eventId: "1" }, { checkpoint: 1 }, { checkpoint: "x", eventId: "1" }])
    t.is(noteOfLine(stored), undefined);
});
