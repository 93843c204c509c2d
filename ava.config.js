export default {
  files: ["test/**/*.test.ts"],
  extensions: ["ts"],
  timeout: "60s",
  // Files with replicas and rotations wait for most of their time, and would leave one of two cores idle.
  concurrency: 3,
};
