import { openFileKeyValue } from "../../src/state/file.ts";

const store = await openFileKeyValue(process.argv[2] ?? "", Date.now);
for (let index = 0; ; index++) {
  await store.create(`written/${index}`, new TextEncoder().encode(`${index}`));
  process.stdout.write(`${index}\n`);
  await new Promise(setImmediate);
}
