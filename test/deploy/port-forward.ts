// Usage: node port-forward.ts PORT ADDRESS
// Forwards the connections to a port of loopback to the same port of ADDRESS, as `kubectl port-forward` does to a pod.
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream";

const [port, address] = process.argv.slice(2);

const server = createServer((from) => {
  const to = connect(Number(port), address);
  // A connection that fails ends both.
  pipeline(from, to, from, () => {});
});
server.listen(Number(port), "127.0.0.1");
