import { isIP } from "node:net";
import test from "ava";
import { canonicalIp, clientNetwork } from "../../src/token/ip-address.ts";
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
  ["::1.2.3.4", "::102:304"],
  ["::0.0.0.1", "::1"],
  ["64:ff9b::203.0.113.7", "64:ff9b::cb00:7107"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"],
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
  // Forms that ipaddr.js reads, and inet_aton too, in which one text may mean two addresses: octal, hexadecimal, short.
  "0177.0.0.1",
  "127.0.0.01",
  "0x7f.0.0.1",
  "0x7f000001",
  "127.1",
  "127.0.1",
  "2130706433",
  "017700000001",
  "::ffff:010.1.1.1",
  "::ffff:0x1.1.1.1",
  "::ffff:1.1.1",
  "::ffff:127.1",
  "::010.1.1.1",
  // Zone ids.
  "fe80::1%1",
  "fe80::1%eth0",
  "::ffff:1.2.3.4%1",
  "::1.2.3.4%1",
  "1.2.3.4%1",
  // Networks, and what is longer than an address can be.
  "10.0.0.0/8",
  "::/0",
  "00000::1",
  "0000:0000:0000:0000:0000:ffff:255.255.255.2550",
])
  test(`${JSON.stringify(text)} is not an address`, (t) => t.is(canonicalIp(text), undefined));

for (const [text, network] of [
  ["203.0.113.7", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2::1", "2001:db8:1:2::"],
  ["2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"],
  ["2001:db8:1:3::1", "2001:db8:1:3::"],
  ["fe80::1%eth0", undefined],
  ["", undefined],
] as const)
  test(`a client at ${text || "no address"} is one of ${network}`, (t) => t.is(clientNetwork(text), network));

test("texts of the characters of addresses are addresses exactly when Node finds so too", (t) => {
  const draw = seededRandom(t);
  const pieces = ["0", "1", "12", "255", "256", "ff", "FFFF", ".", ".", ":", ":", "::", "::ffff:", "g"];
  for (let i = 0; i < 20_000; i += 1) {
    const text = Array.from({ length: draw(1, 12) }, () => pieces[draw(0, pieces.length)]).join("");
    t.is(canonicalIp(text) === undefined, isIP(text) === 0, text);
  }
});
