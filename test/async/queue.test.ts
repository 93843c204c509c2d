import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { createQueue } from "../../src/async/queue.ts";

test("tasks run one at a time, in the order in which they were asked for", async (t) => {
  const queue = createQueue();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const log: string[] = [];
  const tasks = gates.map(({ promise }, at) =>
    queue.run(async () => {
      log.push(`begin ${at}`);
      await promise;
      log.push(`end ${at}`);
      return at;
    }),
  );
  gates[1]?.resolve();
  gates[0]?.resolve();
  t.deepEqual(await Promise.all(tasks), [0, 1]);
  t.deepEqual(log, ["begin 0", "end 0", "begin 1", "end 1"]);
});

test("a task that fails or throws rejects its caller, and the next one runs", async (t) => {
  const queue = createQueue();
  const throws = queue.run(() => {
    throw new Error("at once");
  });
  const rejects = queue.run(() => Promise.reject(new Error("later")));
  const next = queue.run(async () => "done");
  await t.throwsAsync(throws, { message: "at once" });
  await t.throwsAsync(rejects, { message: "later" });
  t.is(await next, "done");
});

test("the queue is idle once every task has settled, and not before", async (t) => {
  const queue = createQueue();
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const task = queue.run(() => gate.promise).then(() => log.push("task"));
  const idle = queue.idle().then(() => log.push("idle"));
  await turn();
  t.deepEqual(log, []);
  gate.resolve();
  await Promise.all([task, idle]);
  t.deepEqual(log, ["task", "idle"]);
  await t.notThrowsAsync(createQueue().idle());
});
