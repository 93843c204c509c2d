import { readFileSync } from "node:fs";
import { join } from "node:path";
import { serviceVariables } from "./certificates.ts";
import { type Child, startChild } from "./child.ts";
import type { Nats } from "./nats.ts";
import { address, type ReplicaSettings, type Settings } from "./settings.ts";

/** The longest stop: `shutdown.grace` of 10 s for the calls, again for the audit events, and a margin of 5 s. */
const GRACE_MS = 25_000;
const ANSWER_MS = 1_000;

/** Starts one replica as the `start` script in package.json does. */
export function startSignet(
  { replicas, data, issuer, certs }: Settings,
  replica: ReplicaSettings,
  nats: Pick<Nats, "url" | "users"> | undefined,
  env: NodeJS.ProcessEnv,
): Child {
  const alone = replicas.length === 1;
  const own = {
    SIGNET_DATA: replica.data,
    ...(issuer === undefined ? {} : { SIGNET_ISSUER: issuer }),
    ...(certs === undefined ? {} : serviceVariables(certs)),
    SIGNET_GRPC_ADDRESS: address(replica.grpc),
    SIGNET_HTTP_ADDRESS: address(replica.http),
    // If it were unset, the service would use the default and look for a server that is not there.
    SIGNET_NATS_URL: nats?.url ?? "",
    ...(nats?.users && {
      SIGNET_NATS_USER_FILE: nats.users.signet.user,
      SIGNET_NATS_PASSWORD_FILE: nats.users.signet.password,
    }),
  };
  const name = alone ? "signet" : `signet ${replica.number}`;
  return startChild(name, startCommand(), { ...env, ...own, ...(alone ? {} : shared(replica, data)) }, GRACE_MS);
}

/** Only the first replica creates the shared KEK and the first keys: two that did so would never agree. */
function shared({ number }: ReplicaSettings, data: string) {
  const first = String(number === 1);
  return {
    SIGNET_STATE_STORE: "nats",
    SIGNET_STATE_FIRST_START: first,
    SIGNET_KEK_FILE: join(data, "kek"),
    SIGNET_KEK_CREATE: first,
  };
}

function startCommand(): string[] {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: { start: string } };
  const words = manifest.scripts.start.split(" ");
  return ["/usr/bin/env", ...words.map((word) => (word === "node" ? process.execPath : word))];
}

/** Whether the service reports that it is ready. False while it does not answer. */
export async function isReady({ http }: Pick<ReplicaSettings, "http">): Promise<boolean> {
  try {
    const answer = await fetch(`http://${address(http)}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return answer.status === 200;
  } catch {
    return false;
  }
}
