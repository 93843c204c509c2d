import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { Attack } from "./attacks.ts";
import { ALL_ATTACKS, type AttackName } from "./every-attack.ts";

/** What an attacker gets as its only argument, in JSON. */
export interface AttackerJob {
  readonly attack: AttackName;
  readonly port: number;
  /** Over TLS: the files of its certificate and key, where it has them. */
  readonly tls: { readonly cert?: string; readonly key?: string } | undefined;
}

const { attack: name, port, tls } = JSON.parse(process.argv[2] ?? "") as AttackerJob;
const attack: Attack = ALL_ATTACKS[name];
const pair = tls?.cert && tls.key ? { cert: readFileSync(tls.cert), key: readFileSync(tls.key) } : {};

/** Connects again without an end. The process ends when its parent kills it. */
async function run(): Promise<void> {
  for (;;) {
    const socket = open();
    socket.on("error", () => {});
    const closed = once(socket, "close").catch(() => {});
    if (attack.reads) socket.resume();
    if (attack.leavesOn !== undefined) socket.once(attack.leavesOn, () => socket.destroy());
    await Promise.race([send(socket), closed]);
    await closed;
    await pause(10);
  }
}

function open(): Socket {
  const target = { host: "127.0.0.1", port, noDelay: true };
  if (tls === undefined || attack.isBelowTls) return connect(target);
  return connectTls({ ...target, ...pair, ALPNProtocols: ["h2"], rejectUnauthorized: false });
}

async function send(socket: Socket): Promise<void> {
  const { greeting, step, pauseMs = 0 } = attack;
  socket.write(greeting);
  for (let number = 0; !socket.destroyed; number++) {
    const bytes = step(number);
    if (bytes === undefined) return;
    if (!socket.write(bytes)) await once(socket, "drain").catch(() => {});
    // Other connections take turns.
    if (pauseMs > 0 || number % 20 === 0) await pause(pauseMs);
  }
}

process.send?.("ready");
process.on("disconnect", () => process.exit());
await Promise.all(Array.from({ length: attack.connections }, run));
