import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { credentials } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { TokenServiceClient, VerifyTokenRequest } from "../../../src/gen/signet/v1/token.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { startLoad } from "../../support/service/load.ts";
import { type RemoteService, startRemote } from "../../support/service/remote-service.ts";
import { issue } from "../../support/service/service.ts";
import type { AttackName } from "./attacks.ts";

const ATTACKER = fileURLToPath(new URL("attacker.ts", import.meta.url));

export interface UnderAttack {
  readonly service: RemoteService;
  /** The most memory that the service has used since the attack began, in MiB; undefined once it has ended. */
  peakMiB(): Promise<number | undefined>;
  /** A metric of the service, 0 if there is none. */
  metric(name: string): Promise<number>;
  /** Waits for the honest calls in progress. Rejects when one of them was not answered. Resolves with their number. */
  honestCalls(): Promise<number>;
}

/** A service in a process of its own, the attack on it in another one, and honest calls on old and new connections. */
export async function underAttack(
  t: ExecutionContext<unknown>,
  name: AttackName,
  env: Record<string, string> = {},
): Promise<UnderAttack> {
  const service = await startRemote(t, { data: await tempFolder(t), env });
  const { grpc, child } = service.process;
  const { token } = await issue(service);
  // The peak of the start does not count.
  await writeFile(`/proc/${child.pid}/clear_refs`, "5");
  const attacker = fork(ATTACKER, [name, grpc.slice(grpc.lastIndexOf(":") + 1)]);
  t.teardown(() => attacker.kill("SIGKILL"));
  await once(attacker, "message");
  let answered = 0;
  const load = startLoad(2, async () => {
    const fresh = new TokenServiceClient(grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    for (const client of [service.tokens, fresh]) {
      await verified(client, token);
      answered += 1;
    }
    fresh.close();
  });
  return {
    service,
    async peakMiB() {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
      const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
      return kib === undefined ? undefined : Number(kib) / 1024;
    },
    async metric(metric) {
      const text = await (await fetch(`${service.url}/metrics`)).text();
      const line = text.split("\n").find((each) => each.startsWith(`${metric} `));
      return Number(line?.split(" ").at(-1) ?? 0);
    },
    async honestCalls() {
      await load.stop();
      return answered;
    },
  };
}

/** How long honest calls wait is up to the network; that they are answered is not. */
function verified(client: TokenServiceClient, token: string): Promise<void> {
  const credential = { $case: "token", value: token } as const;
  const request = VerifyTokenRequest.fromPartial({ profile: "service", audience: "api", credential });
  return new Promise((resolve, reject) => {
    client.verifyToken(request, (error, answer) => {
      if (error) reject(error);
      else if (!answer.valid) reject(new Error(`a good token is rejected: ${answer.rejection?.message}`));
      else resolve();
    });
  });
}
