import { isIP } from "node:net";
import test from "ava";
import { canonicalIp } from "../../src/token/ip-address.ts";
import { seededRandom } from "../support/seeded-random.ts";

for (const [text, canonical] of [
  ["203.0.113.7", "203.0.113.7"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["::FFFF:cb00:7107", "203.0.113.7"],
  ["0:0:0:0:0:ffff:203.0.113.7", "203.0.113.7"],
  ["2001:DB8::1", "2001:db8::1"],
  ["2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"],
  ["::", "::"],
] as const)
  test(`${text} is written as ${canonical}`, (t) => t.is(canonicalIp(text), canonical));

for (const text of [
  "",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.4.",
  "01.2.3.4",
  "1.2.3.256",
  "0x1.2.3.4",
  " 1.2.3.4",
  "1.2.3.4\n",
  "[::1]",
  "::1%eth0",
  ":::",
  "1::2::3",
  "::1]/[::2",
  "localhost",
  "::ffff:1.2.3.999",
])
  test(`${JSON.stringify(text)} is no address`, (t) => t.is(canonicalIp(text), undefined));

test("texts of the characters of addresses are addresses exactly when Node finds so too", (t) => {
  const draw = seededRandom(t);
  const pieces = ["0", "1", "12", "255", "256", "ff", "FFFF", ".", ".", ":", ":", "::", "::ffff:", "g"];
  for (let i = 0; i < 20_000; i += 1) {
    const text = Array.from({ length: draw(1, 12) }, () => pieces[draw(0, pieces.length)]).join("");
    t.is(canonicalIp(text) === undefined, isIP(text) === 0, text);
  }
});
