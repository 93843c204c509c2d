import { syncFolder } from "../../files/durable.ts";
import type { Place } from "../../files/place.ts";
import { AuditError } from "../event.ts";
import { FRAME_HEADER_BYTES, frameHeader, MAX_BODY_BYTES } from "./frame.ts";
import { cutOff } from "./recovery.ts";
import { emptySegment, mark, type Segment } from "./segment.ts";
import type { OpenSpoolFile, SpoolFile } from "./segment-file.ts";

interface Active {
  readonly file: SpoolFile;
  readonly segment: Segment;
}

/** Writes the segments. One call at a time. `segments` is shared with the reader and describes durable records only. */
export class Journal {
  readonly #folder: Place;
  readonly #segments: Segment[];
  readonly #open: OpenSpoolFile;
  readonly #segmentBytes: number;
  #next: number;
  #active: Active | undefined;
  #unsettled: Segment | undefined;

  constructor(folder: Place, segments: Segment[], next: number, segmentBytes: number, open: OpenSpoolFile) {
    this.#folder = folder;
    this.#segments = segments;
    this.#next = next;
    this.#segmentBytes = segmentBytes;
    this.#open = open;
  }

  /** The number of the next record. */
  get next(): number {
    return this.#next;
  }

  /** The segment that may still grow. */
  get active(): Segment | undefined {
    return this.#active?.segment;
  }

  /** Whether the content of the last segment's end is unknown: {@link settle} must then come before {@link append}. */
  get unsettled(): boolean {
    return this.#unsettled !== undefined;
  }

  /** Makes the bodies durable as one group. Otherwise rejects with UNAVAILABLE and leaves the records unchanged. */
  async append(bodies: readonly Buffer[]): Promise<void> {
    const group = Buffer.concat(bodies.flatMap((body, at) => [frameHeader(body, at === 0), body]));
    const active = await this.#activeFor(group.length);
    await this.#write(active, (file) => file.write(group));
    await this.#sync(active);
    await this.#look(active);
    this.#count(active.segment, bodies);
  }

  /** Writes and syncs as an append does, without a record. Rejects for every reason for which an append would. */
  async probe(): Promise<void> {
    const active = await this.#activeFor(FRAME_HEADER_BYTES + MAX_BODY_BYTES);
    await this.#write(active, (file) => file.prepare());
    await this.#sync(active);
    await this.#look(active);
  }

  /** Throws when the records of the active segment would not be found by the next process. */
  look(): void {
    this.#active?.file.look();
  }

  /** Cuts off the unknown end. That segment is never written again. */
  async settle(): Promise<void> {
    const segment = this.#unsettled;
    if (segment === undefined) return;
    await cutOff(segment, this.#open).catch(
      unavailable(`${segment.path}: can't be truncated to its last synced record`),
    );
    const at = this.#segments.indexOf(segment);
    // It may have been trimmed: then no other must go in its place.
    if (segment.bytes === 0 && at !== -1) this.#segments.splice(at, 1);
    this.#unsettled = undefined;
  }

  async close(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    await active?.file.close();
  }

  async #activeFor(bytes: number): Promise<Active> {
    const active = this.#active;
    if (active !== undefined && (active.segment.bytes === 0 || active.segment.bytes + bytes <= this.#segmentBytes)) {
      return active;
    }
    await this.close().catch(unavailable(`${active?.segment.path}: can't be closed`));
    return await this.#create();
  }

  async #create(): Promise<Active> {
    await look(this.#folder).catch(unavailable(`${this.#folder.path}: takes no segment`));
    const segment = emptySegment(this.#folder.path, this.#next);
    const file = await this.#open(segment.path, "create").catch(unavailable(`${segment.path}: can't be created`));
    const active = { file, segment };
    this.#segments.push(segment);
    this.#active = active;
    await syncFolder(this.#folder.path).catch((cause) => this.#abandon(active, cause));
    // Again: the folder may have been replaced before the file was created.
    await look(this.#folder).catch((cause) => this.#abandon(active, cause));
    return active;
  }

  async #write({ file, segment }: Active, write: (file: SpoolFile) => Promise<void>): Promise<void> {
    try {
      await write(file);
    } catch (cause) {
      await file.truncate(segment.bytes).catch((error) => this.#abandon({ file, segment }, error));
      throw new AuditError("UNAVAILABLE", `${segment.path}: can't be written`, { cause });
    }
  }

  // After a failed sync the kernel may drop the dirty pages and report the next sync as successful: never retry it.
  async #sync(active: Active): Promise<void> {
    await active.file.sync().catch((cause) => this.#abandon(active, cause));
  }

  // What no other process would find must not be answered. It may be found later, when the file is put back.
  async #look({ file, segment }: Active): Promise<void> {
    await look(file).catch(async (cause) => {
      await file.truncate(segment.bytes).catch((error) => this.#abandon({ file, segment }, error));
      unavailable(`${segment.path}: is not as it was written`)(cause);
    });
  }

  async #abandon({ file, segment }: Active, cause: unknown): Promise<never> {
    this.#active = undefined;
    this.#unsettled = segment;
    await file.close().catch(() => undefined);
    throw new AuditError("UNAVAILABLE", `${segment.path}: can't be made durable`, { cause });
  }

  #count(segment: Segment, bodies: readonly Buffer[]): void {
    for (const body of bodies) {
      mark(segment, this.#next, segment.bytes);
      segment.bytes += FRAME_HEADER_BYTES + body.length;
      segment.last = this.#next++;
    }
  }
}

async function look(at: { look(): unknown }): Promise<void> {
  at.look();
}

function unavailable(message: string): (cause: unknown) => never {
  return (cause) => {
    throw new AuditError("UNAVAILABLE", message, { cause });
  };
}
