import { availableParallelism } from "node:os";

export default {
  files: ["test/**/*.test.ts"],
  extensions: ["ts"],
  // More files at a time than cores, because in many a test waits for a process or a clock half of the time.
  concurrency: availableParallelism() + 2,
  // Without any test that ends in this time, something hangs: the longest tests take minutes on a busy machine.
  timeout: "5m",
};
