import test from "ava";
import { isLoopback } from "../../src/config/checks.ts";

for (const address of ["127.0.0.1:1", "127.255.255.254:65535", "[::1]:1", "localhost:1"]) {
  test(`${address} can be reached from this machine alone`, (t) => {
    t.true(isLoopback(address));
  });
}

for (const address of [
  "0.0.0.0:1",
  "10.0.0.1:1",
  "[::]:1",
  "::1:1",
  "[::2]:1",
  "[0:0:0:0:0:0:0:1]:1",
  "[::1%eth0]:1",
  "127.0.0.1.example.org:1",
  "127.1:1",
  "localhost.example.org:1",
  "LOCALHOST.:1",
  "[localhost]:1",
  ":1",
  "127.0.0.1",
  "",
]) {
  test(`${JSON.stringify(address)} is not known to be loopback`, (t) => {
    t.false(isLoopback(address));
  });
}
