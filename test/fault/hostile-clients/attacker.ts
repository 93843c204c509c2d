import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { ATTACKS, type Attack, type AttackName } from "./attacks.ts";

/** Connects again without an end. The process ends when its parent kills it. */
async function run(attack: Attack, port: number): Promise<void> {
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    socket.on("error", () => {});
    const closed = once(socket, "close").catch(() => {});
    if (attack.reads) socket.resume();
    await Promise.race([send(attack, socket), closed]);
    await closed;
    await pause(10);
  }
}

async function send({ greeting, step, pauseMs = 0 }: Attack, socket: Socket): Promise<void> {
  socket.write(greeting);
  for (let number = 0; !socket.destroyed; number++) {
    const bytes = step(number);
    if (bytes === undefined) return;
    if (!socket.write(bytes)) await once(socket, "drain").catch(() => {});
    // Other connections take turns.
    if (pauseMs > 0 || number % 20 === 0) await pause(pauseMs);
  }
}

const [name = "", port = ""] = process.argv.slice(2);
const attack: Attack = ATTACKS[name as AttackName];
process.send?.("ready");
process.on("disconnect", () => process.exit());
await Promise.all(Array.from({ length: attack.connections }, () => run(attack, Number(port))));
