import type { NatsConnection } from "nats";
import { startFileWatch } from "../files/watched-files.ts";
import { certificateValidity, connectionOptions, expiredFiles, type NatsAccess, readNatsFiles } from "./access.ts";
import { denialOf, storing } from "./attempt.ts";
import { type LinkReport, NatsLink } from "./link.ts";

/** A link whose credentials and certificates may be replaced while it is in use. */
export interface WatchedLink {
  readonly link: NatsLink;
  /** Sends what is pending, for at most `boundMs`, and closes. */
  close(boundMs: number): Promise<void>;
}

/** Who a link is for. */
interface LinkUse {
  /** How the servers list this client. */
  readonly name: string;
  /** A subject that the client must be able to write. */
  readonly writes: string;
}

/**
 * Opens a link, and renews it whenever its files have changed. A set that can't be read, is wrong or has expired is
 * reported, and so is one that the servers refuse, or with which this client could not write: the last good one stays
 * in use. `now` in Unix milliseconds.
 *
 * @throws StartError NATS_FILES as {@link readNatsFiles}
 */
export async function openWatchedLink(
  access: NatsAccess,
  { name, writes }: LinkUse,
  report: (report: LinkReport) => void,
  now: () => number = Date.now,
): Promise<WatchedLink> {
  const files = await readNatsFiles(access);
  // Not refused: a service that restarts goes on without NATS, as far as it can.
  for (const message of expiredFiles(access, files, now())) report({ type: "not_renewed", message });
  const link = new NatsLink({ ...connectionOptions(access, files), name }, report);
  const watch = startFileWatch(access.files, files, {
    use(changed) {
      link.renew({
        options: { ...connectionOptions(access, changed), name },
        // Asked again and again: a certificate may only become valid.
        obstacle: () => expiredFiles(access, changed, now()).join("; ") || undefined,
        prove: (connection) => requireWriter(connection, writes),
        certificate: certificateValidity(access, changed),
      });
    },
    onError: (error) =>
      report({ type: "not_renewed", message: error instanceof Error ? error.message : String(error) }),
  });
  return {
    link,
    async close(boundMs) {
      await watch.stop();
      await link.close(boundMs);
    },
  };
}

async function requireWriter(connection: NatsConnection, subject: string): Promise<void> {
  const denial = await denialOf(connection, storing(subject));
  if (denial !== undefined) throw new Error(denial);
}
