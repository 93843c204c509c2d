import { once } from "node:events";
import { connect } from "node:net";
import { queryObjects } from "node:v8";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import test from "ava";
import { greet } from "../../support/http2/frames.ts";
import { startService } from "../../support/service/service.ts";

const CONNECTIONS = 50;

/** How many lists of timers Node has in this process: one for each duration. */
function timerLists(): number {
  const timer = setTimeout(() => {}, 1) as unknown as { readonly _idlePrev: object };
  const TimersList = timer._idlePrev.constructor as new () => object;
  clearTimeout(timer as unknown as NodeJS.Timeout);
  return queryObjects(TimersList, { format: "count" });
}

/** How many more lists there are after so many connections, of which all are closed. */
async function listsLeftBy(address: string): Promise<number> {
  const before = timerLists();
  for (let count = 0; count < CONNECTIONS; count++) {
    const socket = connect(Number(address.slice(address.lastIndexOf(":") + 1)), "127.0.0.1");
    socket.write(greet());
    await once(socket, "data");
    socket.end();
    await once(socket.resume(), "close");
  }
  return timerLists() - before;
}

test.serial("connections that are closed leave no timers", async (t) => {
  const service = await startService(t);
  t.true((await listsLeftBy(service.app.addresses.grpc)) < CONNECTIONS / 5);
});

test.serial("the ages of grpc-js leave a list of timers for each connection", async (t) => {
  const server = new Server({ "grpc.max_connection_age_ms": 86_400_000 });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  t.teardown(() => server.forceShutdown());
  t.true((await listsLeftBy(`127.0.0.1:${port}`)) > CONNECTIONS / 2);
});
