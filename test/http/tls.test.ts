import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import test from "ava";
import { startHttpServer } from "../../src/http/server.ts";
import { checkCertificates } from "../../src/tls/certificate-set.ts";
import { createCertificateSource } from "../../src/tls/certificate-source.ts";
import { createAuthority, serverCertificate } from "../support/tls/certificates.ts";
import { waitUntil } from "../support/wait-until.ts";

test("a stop does not wait for handshakes", async (t) => {
  const authority = await createAuthority();
  const { cert, key } = await serverCertificate(authority);
  const files = { cert: Buffer.from(cert), key: Buffer.from(key) };
  const set = checkCertificates(files, { cert: "CERT", key: "KEY", ca: "CA" }, Date.now());
  const tls = { source: createCertificateSource(set), minVersion: "1.3" } as const;
  const start = () => startHttpServer({ address: "127.0.0.1:0", maxConnections: 10, tls }, {}, () => {});
  type Server = Awaited<ReturnType<typeof start>>;
  const portOf = ({ address }: Server) => Number(address.split(":")[1]);
  const connectSilently = async (server: Server): Promise<Socket> => {
    const socket = connect(portOf(server), "127.0.0.1").on("error", () => {});
    t.teardown(() => socket.destroy());
    await once(socket, "connect");
    return socket.resume();
  };
  const shakeHands = (server: Server) => {
    const socket = connectTls({ port: portOf(server), host: "127.0.0.1", ca: authority.cert });
    t.teardown(() => socket.destroy());
    // A server that stops before it has read the end of the handshake resets the connection.
    socket.on("error", () => {});
    return once(socket, "secureConnect");
  };
  // Each handshake has five seconds, which a busy machine may stall for: then it is tried again.
  await waitUntil("a stop is over when handshakes that are older are not", async () => {
    const [stopped, other] = [await start(), await start()];
    t.teardown(() => other.stop());
    const older = await connectSilently(other);
    await connectSilently(stopped);
    // Once another client has connected, the handshake of the one before it has begun.
    await shakeHands(stopped);
    await stopped.stop();
    // By then the older one would be seen to be closed.
    await shakeHands(other);
    return !older.closed;
  });
  t.pass();
});
