import { createSaver } from "../../src/async/save-soon.ts";

// Nothing keeps this process alive but the work itself, as in a service that has closed everything else.
let saves = 0;
const saver = createSaver(
  async () => {
    saves += 1;
    await new Promise((resolve) => setImmediate(resolve));
    if (saves < 3) saver.changed();
  },
  (error) => console.error(error),
);
saver.changed();
await saver.saved();
console.log(`saved ${saves} times`);
