import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { createQueue } from "../async/queue.ts";
import { createWakeup } from "../async/wakeup.ts";
import { FileError } from "./file-error.ts";
import { readPublicFile, readSecretFile } from "./private-path.ts";

/** A file that an operator may replace while it is in use. */
export interface WatchedFile {
  readonly path: string;
  /** Whether other users must not read it. None of them may change any file. */
  readonly isSecret: boolean;
}

/** Files that are used together, such as a certificate and its key; undefined for one that the set does without. */
export type FileSet<Name extends string> = { readonly [N in Name]?: WatchedFile | undefined };

/** What the files of a set hold, by name. */
export type FileContents<Name extends string> = { readonly [N in Name]?: Buffer };

export interface FileWatchHandlers<Name extends string> {
  /**
   * Gets the whole set when the content of a file has changed. The next call begins when this one has resolved. Rejects
   * for a set that can't be used.
   */
  readonly use: (contents: FileContents<Name>) => Promise<void> | void;
  /** Gets the errors of `use`, and why a set can't be read, once until that changes. MUST NOT throw. */
  readonly onError: (error: unknown) => void;
}

/** What became of a set: it is in use now, it is the one in use, or it can't be used and the one before it stays. */
export type Reread = "used" | "unchanged" | "refused";

export interface FileWatch {
  /** Reads the set now, and uses it if it has changed or was refused. Reports again why it can't. Never rejects. */
  readNow(): Promise<Reread>;
  /** Resolves when nothing is read or called any more. */
  stop(): Promise<void>;
}

/** A change is used at the second look after it, within a second. A look is one stat(2) for each file. */
const LOOK_MS = 300;

/**
 * Reads all files of a set. Rejects with a FileError that names every file that can't be read, and why: EXPOSED when
 * another user may change it, or read one that is secret.
 */
export async function readFileSet<Name extends string>(files: FileSet<Name>): Promise<FileContents<Name>> {
  const present = presentIn(files);
  const read = await Promise.allSettled(
    present.map(([, { path, isSecret }]) => (isSecret ? readSecretFile(path) : readPublicFile(path))),
  );
  const errors = read.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  if (errors.length > 0) throw oneOf(errors);
  const contents = present.map(([name], at) => [name, (read[at] as PromiseFulfilledResult<Buffer>).value]);
  return Object.fromEntries(contents) as FileContents<Name>;
}

/**
 * Watches the files of a set, which hold `known` in use now: for rewriting in place, renaming, and for symbolic links
 * on the way to them that lead elsewhere, as Kubernetes replaces a volume. A set counts when two looks in a row find
 * the same files, and they stay so while they are read: a set that is being written is waited for.
 *
 * It looks, instead of having the kernel report: events are lost on network file systems and behind symbolic links.
 * `untilNextLook` MUST end early when its signal aborts.
 */
export function startFileWatch<Name extends string>(
  files: FileSet<Name>,
  known: FileContents<Name>,
  { use, onError }: FileWatchHandlers<Name>,
  untilNextLook: (signal: AbortSignal) => Promise<unknown> = (signal) => createWakeup().wait(signal, LOOK_MS),
): FileWatch {
  const stopping = new AbortController();
  const { signal } = stopping;
  const reads = createQueue();
  let used = digestOf(known);
  let isRefused = false;
  let reported: string | undefined;

  async function run(): Promise<void> {
    if (presentIn(files).length === 0) return;
    let seen: string | undefined;
    let isRead = false;
    for (; !signal.aborted; await untilNextLook(signal)) {
      const found = await look(files);
      if (found !== seen) isRead = false;
      // Also after a failure to read, which may have been a passing one.
      else if (!isRead) isRead = await reads.run(() => readUnchanged(found));
      seen = found;
    }
  }

  /** Whether the set was read as it was found. */
  async function readUnchanged(found: string): Promise<boolean> {
    try {
      const contents = await readFileSet(files);
      if (signal.aborted || (await look(files)) !== found) return false;
      reported = undefined;
      if (digestOf(contents) !== used) await useOrReport(contents);
      return true;
    } catch (error) {
      reportOnce(error);
      return false;
    }
  }

  async function readAgain(): Promise<Reread> {
    try {
      const found = await look(files);
      const contents = await readFileSet(files);
      // It is being written.
      if ((await look(files)) !== found) return await readAgain();
      return isRefused || digestOf(contents) !== used ? await useOrReport(contents) : "unchanged";
    } catch (error) {
      onError(error);
      return "refused";
    }
  }

  async function useOrReport(contents: FileContents<Name>): Promise<Reread> {
    used = digestOf(contents);
    try {
      await use(contents);
      isRefused = false;
      return "used";
    } catch (error) {
      onError(error);
      isRefused = true;
      return "refused";
    }
  }

  function reportOnce(error: unknown): void {
    const message = String(error);
    if (reported !== message) onError(error);
    reported = message;
  }

  const running = run();
  return {
    readNow: () => reads.run(readAgain),
    async stop() {
      stopping.abort();
      await running;
      await reads.idle();
    },
  };
}

function presentIn<Name extends string>(files: FileSet<Name>): [string, WatchedFile][] {
  const entries = Object.entries<WatchedFile | undefined>(files);
  return entries.filter((entry): entry is [string, WatchedFile] => entry[1] !== undefined);
}

/** Differs when one of the files is another one, or was changed. The time of the last change can't be set back. */
async function look<Name extends string>(files: FileSet<Name>): Promise<string> {
  const found = presentIn(files).map(([, { path }]) =>
    stat(path, { bigint: true }).then(
      ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(" "),
      (error: NodeJS.ErrnoException) => error.code,
    ),
  );
  return (await Promise.all(found)).join("; ");
}

/** A digest, since a secret should not stay in memory to be compared. */
function digestOf<Name extends string>(contents: FileContents<Name>): string {
  const digests = Object.entries<Buffer | undefined>(contents).map(([name, content]) => {
    return `${name} ${content && createHash("sha256").update(content).digest("base64")}`;
  });
  return digests.sort().join("; ");
}

function oneOf(errors: readonly unknown[]): unknown {
  if (errors.length === 1) return errors[0];
  const code = errors[0] instanceof FileError ? errors[0].code : "UNKNOWN";
  const texts = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  return new FileError(code, texts.join("; "), { cause: errors[0] });
}
