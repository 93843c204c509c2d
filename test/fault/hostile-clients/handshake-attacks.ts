import { Duplex } from "node:stream";
import { connect } from "node:tls";
import type { Attack } from "./attacks.ts";

const NOTHING = Buffer.alloc(0);
/** What the clients of these attacks do once they have sent their greeting. */
const STAYS = { reads: true, step: () => undefined } as const;

/** The first record of a handshake of TLS 1.3, with a key share: once made, it is sent again at no cost. */
const CLIENT_HELLO = await new Promise<Buffer>((resolve) => {
  const wire = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      resolve(bytes);
      done();
    },
  });
  connect({ socket: wire, ALPNProtocols: ["h2"] });
});

/** Attacks on a listener with TLS before any HTTP/2. */
export const HANDSHAKE_ATTACKS = {
  "handshakes again and again": { ...STAYS, connections: 20, greeting: NOTHING, leavesOn: "secureConnect" },
  "a ClientHello that is sent again and again": {
    ...STAYS,
    connections: 20,
    isBelowTls: true,
    greeting: CLIENT_HELLO,
    leavesOn: "data",
  },
  "handshakes that end with the ClientHello": {
    ...STAYS,
    connections: 1500,
    isBelowTls: true,
    greeting: CLIENT_HELLO,
  },
  "handshakes that stop within the ClientHello": {
    ...STAYS,
    connections: 1500,
    isBelowTls: true,
    greeting: CLIENT_HELLO.subarray(0, CLIENT_HELLO.length / 2),
  },
} as const satisfies Readonly<Record<string, Attack>>;
