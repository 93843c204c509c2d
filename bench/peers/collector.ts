import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A collector of traces that reads what it gets, and answers. */
const server = createServer((request, response) => {
  request.resume();
  request.once("end", () => response.end());
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ event: "ready", grpc: `127.0.0.1:${port}` }));
});
process.once("SIGTERM", () => process.exit(0));
