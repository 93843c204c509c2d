import { type Checkpoint, parseCheckpoint } from "./checkpoint/checkpoint.ts";
import { NoteError, parseNote } from "./checkpoint/note.ts";

const CHECKPOINTS = "signet.audit.checkpoint.";

/** Whether a message of the audit stream is a checkpoint. Every other one is an event, or should be. */
export function isCheckpoint(subject: string): boolean {
  return subject.startsWith(CHECKPOINTS);
}

/** The subject of a writer's checkpoints, whose bodies are notes. */
export function checkpointSubject(writer: string): string {
  return `${CHECKPOINTS}${writer}`;
}

/** A checkpoint as it was published, its signature not checked. */
export interface PublishedCheckpoint extends Checkpoint {
  /** As the origin names it. */
  readonly writer: string;
  /** The whole note, with its signatures. */
  readonly note: string;
}

/** Reads a note as a checkpoint of an audit log. Undefined if it is none; no signature is checked. */
export function readCheckpoint(note: string): PublishedCheckpoint | undefined {
  try {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    const writer = writerOf(checkpoint.origin);
    return writer === undefined ? undefined : { ...checkpoint, writer, note };
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}

/** The writer of a log: the origin is `<host of the issuer>/audit/<writer>`. */
export function writerOf(origin: string): string | undefined {
  return /^[^\s+]+\/audit\/([A-Za-z0-9_-]+)$/u.exec(origin)?.[1];
}

/** The line of a checkpoint in a file of events. */
export function checkpointLine(note: string): string {
  return JSON.stringify({ checkpoint: note });
}

/** The note of a line that {@link checkpointLine} wrote. Undefined for every other line. */
export function noteOfLine(stored: Readonly<Record<string, unknown>>): string | undefined {
  const { checkpoint } = stored;
  const isNote = typeof checkpoint === "string" && checkpoint !== "" && Object.keys(stored).length === 1;
  return isNote ? checkpoint : undefined;
}
