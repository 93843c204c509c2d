import test from "ava";
import { requireSupportedNode } from "../src/node-version.ts";
import { StartError } from "../src/start-error.ts";

for (const version of ["24.14.1", "24.14.2", "24.15.0", "25.0.0", "26.0.0-nightly"]) {
  test(`Node ${version} is supported`, (t) => t.notThrows(() => requireSupportedNode(version)));
}

for (const version of ["24.14.0", "24.13.9", "24.2.5", "23.99.99", "22.20.1", "24.14.1-rc.1", "24.14.0-nightly"]) {
  test(`Node ${version} is too old`, (t) => {
    const error = t.throws(() => requireSupportedNode(version), { instanceOf: StartError });
    t.is(error?.code, "OLD_NODE");
  });
}
