import test from "ava";
import { loadContract } from "../../src/protobuf/contract.ts";

test("every file of the contract says in which package of Go its code belongs", (t) => {
  const own = loadContract().file.filter(({ name }) => name.startsWith("signet/"));
  t.is(own.length, 6);
  for (const { name, options } of own) t.is(options?.goPackage, "signet/v1;signetv1", name);
});
