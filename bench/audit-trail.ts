import { setTimeout as delay } from "node:timers/promises";
import { connect } from "nats";
import type { Server } from "./process.ts";

const DRAIN_SECONDS = 60;

export interface AuditTrail {
  /**
   * Waits until the stream holds an event for each issued token, and resolves with the milliseconds that it took.
   * Rejects after 60 seconds, and if there are more than `atMost` events.
   */
  complete(atLeast: number, atMost: number): Promise<number>;
  close(): Promise<void>;
}

/** Counts the events of issued tokens in the stream, as an auditor would. */
export async function openAuditTrail(nats: Server): Promise<AuditTrail> {
  const connection = await connect({ servers: nats.address });
  const manager = await connection.jetstreamManager();

  async function count(): Promise<number> {
    const { state } = await manager.streams.info("SIGNET_AUDIT", { subjects_filter: "signet.audit.token.issued.>" });
    return Object.values(state.subjects ?? {}).reduce((sum, messages) => sum + messages, 0);
  }

  return {
    async complete(atLeast, atMost) {
      const begin = performance.now();
      let events = await count();
      while (events < atLeast && performance.now() - begin < DRAIN_SECONDS * 1000) {
        await delay(20);
        events = await count();
      }
      if (events < atLeast) throw new Error(`${atLeast} tokens were issued, but the stream holds ${events} events`);
      if (events > atMost)
        throw new Error(`at most ${atMost} tokens were issued, but the stream holds ${events} events`);
      return performance.now() - begin;
    },
    close: () => connection.close(),
  };
}
