import { type Connection, openConnection } from "./connection.ts";
import { type Job, readJob, readMessages } from "./job.ts";

export interface ClosedLoopJob extends Job {
  /** Calls in flight on each connection. */
  readonly streams: number;
}

export interface ClosedLoopResult {
  readonly calls: number;
  readonly seconds: number;
}

const job = readJob<ClosedLoopJob>();
const messages = readMessages(job);
const connections: Connection[] = [];
let sent = 0;
let answered = 0;
let end = Number.POSITIVE_INFINITY;
let begin = 0;

function sendOn(connection: Connection | undefined): void {
  const message = messages[sent % messages.length];
  if (connection && message) connection.send(sent++, message);
}

for (let i = 0; i < job.connections; i++) {
  const onAnswer = (_call: number, at: number) => {
    answered++;
    if (at < end) sendOn(connections[i]);
    else if (answered === sent) finish(at);
  };
  connections.push(await openConnection(job, onAnswer));
}
begin = performance.now();
end = begin + job.seconds * 1000;
for (let i = 0; i < job.connections * job.streams; i++) sendOn(connections[i % job.connections]);

function finish(at: number): void {
  for (const connection of connections) connection.close();
  const result: ClosedLoopResult = { calls: answered, seconds: (at - begin) / 1000 };
  process.stdout.write(JSON.stringify(result));
}
