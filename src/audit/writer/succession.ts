import type { OpeningReason } from "../events/writer.ts";
import { type Identity, isWriter } from "../spool/identity.ts";
import type { SpoolOptions } from "../spool/options.ts";
import { successorOf } from "./beginning.ts";
import type { Successor } from "./log.ts";
import type { WriterTip } from "./tip.ts";

/** A new writer, whose key is durable. `writer` is its id, where that is known already. */
export async function nameSuccessor(
  { writer: newWriter, logKey }: Pick<SpoolOptions, "writer" | "logKey">,
  reason: OpeningReason,
  before: Pick<Identity, "writer" | "log"> | undefined,
  writer = requireWriter(newWriter()),
): Promise<Successor> {
  return successorOf(writer, await logKey?.(writer), reason, before);
}

/** Durably begins the log of the successor, and reports it. Rejects with UNAVAILABLE, and then may be called again. */
export async function beginLog(tip: WriterTip, { onWriter }: Pick<SpoolOptions, "onWriter">): Promise<void> {
  const begun = await tip.succeed();
  if (begun?.log !== undefined) onWriter?.(begun.writer, begun.log.reason, begun.log.predecessor);
}

function requireWriter(writer: string): string {
  if (isWriter(writer)) return writer;
  throw new RangeError("a writer id must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -");
}
