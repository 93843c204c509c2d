import { connect } from "nats";
import { readStream } from "../../../src/nats/audit/read-stream.ts";

// Stores a message in a server, and is interrupted as soon as it begins to read. Then nothing may keep the process alive.
const connection = await connect({ servers: process.argv[2] ?? "" });
const manager = await connection.jetstreamManager();
await manager.streams.add({ name: "S", subjects: ["s.>"] });
await connection.jetstream().publish("s.1");
const signal = AbortSignal.abort();
const query = { stream: "S", subjects: ["s.>"], from: 1, to: undefined, signal };
for await (const { seq } of readStream({ connection, manager }, query)) console.log(seq);
await connection.close();
