import { BlockList } from "node:net";
import test from "ava";
import fc from "fast-check";
import { isSameNetwork } from "../../src/token/ip-address.ts";

const near = (max: number) => fc.oneof(fc.nat(max), fc.constantFrom(0, 1, max));
const v4 = fc.array(near(255), { minLength: 4, maxLength: 4 }).map((bytes) => bytes.join("."));
// Not one of the mapped addresses, which are IPv4.
const v6 = fc
  .array(near(0xffff), { minLength: 7, maxLength: 7 })
  .map((groups) => ["2001", ...groups.map((group) => group.toString(16))].join(":"));

for (const [family, address, most] of [
  ["ipv4", v4, 32],
  ["ipv6", v6, 128],
] as const) {
  test(`networks of ${family} are the same as in Node`, (t) => {
    const seen = new Set<boolean>();
    const flip = fc.record({ address, other: fc.option(address, { nil: undefined }), prefix: fc.nat(most) });
    fc.assert(
      fc.property(flip, ({ address, other = address, prefix }) => {
        const network = new BlockList();
        network.addSubnet(address, prefix, family);
        const same = isSameNetwork(address, other, { v4: prefix, v6: prefix });
        seen.add(same);
        t.is(same, network.check(other, family), `${address} ${other} /${prefix}`);
      }),
      { numRuns: 1000 },
    );
    t.is(seen.size, 2);
  });
}
