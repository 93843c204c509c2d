import test from "ava";
import { parseSpiffeId } from "../../src/access/spiffe-id.ts";

for (const [id, trustDomain] of [
  ["spiffe://example.org/a", "example.org"],
  ["spiffe://example.org/ns/default/sa/api", "example.org"],
  ["spiffe://a_b-c.9/A.z_0-/...", "a_b-c.9"],
  [`spiffe://${"t".repeat(255)}/a`, "t".repeat(255)],
  [`spiffe://t/${"p".repeat(2048 - 11)}`, "t"],
] as const)
  test(`a SPIFFE ID of ${id.length} bytes names a workload: ${id.slice(0, 40)}`, (t) => {
    t.deepEqual(parseSpiffeId(id), { id, trustDomain });
  });

for (const [text, why] of [
  ["", "empty"],
  ["spiffe://example.org", "a trust domain alone"],
  ["spiffe://example.org/", "a path without a segment"],
  ["spiffe://example.org/a/", "a slash at the end"],
  ["spiffe://example.org//a", "an empty segment"],
  ["spiffe://example.org/./a", "a dot segment"],
  ["spiffe://example.org/a/..", "two dots at the end"],
  ["spiffe://example.org/a%2fb", "something percent-encoded"],
  ["spiffe://example.org/ä", "a letter beyond ASCII"],
  ["spiffe://example.org/a b", "a space"],
  ["spiffe://example.org/a\0", "a NUL"],
  ["spiffe://example.org/a\n", "a line break"],
  ["spiffe://example.org/a?q", "a query"],
  ["spiffe://example.org/a#f", "a fragment"],
  ["spiffe://example.org:443/a", "a port"],
  ["spiffe://user@example.org/a", "a user"],
  ["spiffe://Example.org/a", "an upper-case letter in the trust domain"],
  ["spiffe://[::1]/a", "an IPv6 address"],
  ["spiffe:///a", "no trust domain"],
  ["SPIFFE://example.org/a", "another spelling of the scheme"],
  ["https://example.org/a", "another scheme"],
  [" spiffe://example.org/a", "white space before it"],
  [`spiffe://${"t".repeat(256)}/a`, "256 bytes of trust domain"],
  [`spiffe://t/${"p".repeat(2048 - 10)}`, "2049 bytes"],
] as const)
  test(`no SPIFFE ID of a workload: ${why}`, (t) => {
    t.is(parseSpiffeId(text), undefined);
  });
