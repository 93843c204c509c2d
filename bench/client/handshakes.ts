import { readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { connect } from "node:tls";
import type { TlsFiles } from "./job.ts";

/** Its argument, as JSON. */
export interface HandshakesJob {
  /** host:port */
  readonly address: string;
  readonly tls: TlsFiles;
  /** Handshakes in a second. */
  readonly rate: number;
}

/** How often those that are due begin, in milliseconds. */
const TICK_MS = 5;

// As from another machine: a handshake costs the client as much as the server, whose cores it shares here.
setPriority(constants.priority.PRIORITY_LOW);

const { address, tls, rate } = JSON.parse(process.argv[2] ?? "") as HandshakesJob;
const [host = "", port] = address.split(":");
const files = { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
const begin = performance.now();
let begun = 0;
let done = 0;

const seconds = () => (performance.now() - begin) / 1000;
setInterval(() => {
  while (begun < seconds() * rate) shakeHands();
}, TICK_MS);

function shakeHands(): void {
  begun += 1;
  const options = { host, port: Number(port), servername: "localhost", ALPNProtocols: ["h2"], ...files };
  const socket = connect({ ...options, checkServerIdentity: () => undefined });
  // With TLS 1.3 the server has proven the client when it sends its settings, and not when the client is connected.
  socket.once("data", () => {
    done += 1;
    socket.destroy();
  });
}

process.once("SIGTERM", () => process.stdout.write(JSON.stringify(done / seconds()), () => process.exit()));
process.stdout.write("\n");
