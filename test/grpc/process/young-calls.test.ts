import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client, credentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { TokenServiceService } from "../../../src/gen/signet/v1/token.ts";

const PROGRAM = fileURLToPath(new URL("serve-calls.ts", import.meta.url));
const AT_ONCE = 16;
/** Until the code is compiled it keeps more than afterwards. */
const WARM_UP = 20_000;
const CALLS = 20_000;

/** The part of what a server allocates for its calls that minor collections find to be garbage. */
async function freedOf(t: ExecutionContext, ...args: readonly string[]): Promise<number> {
  const server = fork(PROGRAM, args);
  t.teardown(() => server.kill());
  const [address] = await once(server, "message");
  const client = new Client(address, credentials.createInsecure());
  t.teardown(() => client.close());
  const freed = async (): Promise<number> => {
    server.send("what is freed?");
    const [part] = await once(server, "message");
    return part;
  };

  await callAll(client, WARM_UP);
  await freed();
  await callAll(client, CALLS);
  return await freed();
}

async function callAll(client: Client, count: number): Promise<void> {
  let left = count;
  const same = (bytes: Buffer): Buffer => bytes;
  const callOne = () =>
    new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(TokenServiceService.issueToken.path, same, same, Buffer.alloc(0), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  const callOften = async () => {
    while (left-- > 0) await callOne();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, callOften));
}

test("minor collections find what belonged to a call that has ended", async (t) => {
  const [freed, control] = await Promise.all([freedOf(t, "young"), freedOf(t)]);
  t.true(freed > 0.92, `${freed} is freed`);
  t.true(
    control < 0.88,
    `negative control, switched off: ${control} is freed; if Node has mended it, young-calls.ts can go`,
  );
});
