import { setTimeout as delay } from "node:timers/promises";
import { connect } from "nats";
import type { Server } from "./process.ts";

const DRAIN_SECONDS = 60;

export interface AuditTrail extends AsyncDisposable {
  /** How many events of issued tokens the stream holds. */
  count(): Promise<number>;
  /** Waits until there are so many, and resolves with the milliseconds that it took. Rejects after 60 seconds. */
  reaches(events: number): Promise<number>;
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
    count,
    async reaches(wanted) {
      const begin = performance.now();
      let events = await count();
      while (events < wanted && performance.now() - begin < DRAIN_SECONDS * 1000) {
        await delay(20);
        events = await count();
      }
      if (events < wanted) throw new Error(`${wanted} tokens were issued, but the stream holds ${events} events`);
      return performance.now() - begin;
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
