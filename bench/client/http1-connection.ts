import { once } from "node:events";
import { connect } from "node:net";
import type { Connection, OnAnswer } from "./connection.ts";

const HEAD_END = "\r\n\r\n";

/**
 * Opens an HTTP/1.1 connection that sends whole requests, one at a time, and costs as little as that of HTTP/2. An
 * answer must begin with `expected` and name its length.
 */
export async function openHttp1Connection(address: string, expected: Buffer, onAnswer: OnAnswer): Promise<Connection> {
  const [host = "", port = ""] = address.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true });
  await once(socket, "connect");
  const waiting: { call: number; message: Buffer }[] = [];
  let open: number | undefined;
  let rest: Buffer = Buffer.alloc(0);

  function pump(): void {
    if (open !== undefined) return;
    const next = waiting.shift();
    if (next === undefined) return;
    open = next.call;
    socket.write(next.message);
  }

  socket.on("data", (chunk: Buffer) => {
    const at = performance.now();
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const length = answerLength(rest);
    if (length === undefined || rest.length < length) return;
    if (open === undefined || rest.length > length) throw new Error(`${address} answered more than was asked`);
    if (!rest.subarray(0, expected.length).equals(expected)) throw new Error(`${address} answered ${rest}`);
    const call = open;
    open = undefined;
    rest = Buffer.alloc(0);
    onAnswer(call, at, length);
    pump();
  });
  socket.on("close", () => {
    if (open !== undefined || waiting.length > 0) throw new Error(`${address} closed the connection during a call`);
  });
  return {
    send(call, message) {
      waiting.push({ call, message });
      pump();
    },
    close: () => socket.destroy(),
  };
}

/** Undefined until the head is complete. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const body = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, end))?.[1];
  if (body === undefined) throw new Error("an answer without content-length");
  return end + HEAD_END.length + Number(body);
}
