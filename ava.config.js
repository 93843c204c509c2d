import { availableParallelism } from "node:os";

export default {
  files: ["test/**/*.test.ts"],
  extensions: ["ts"],
  // Tests start processes of their own, so that more files at a time keep the cores no busier, only each test waiting.
  concurrency: availableParallelism(),
  // Without any test that ends in this time, something hangs: the longest tests take minutes on a busy machine.
  timeout: "5m",
};
