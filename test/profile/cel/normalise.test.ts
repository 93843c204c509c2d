import test from "ava";
import { createNormaliser } from "../../../src/profile/cel/cel.ts";

test("the steps are done in order, each once", (t) => {
  const creator = createNormaliser([
    "trim",
    { drop_prefix: "https://x/" },
    { drop_suffix: "/live" },
    { drop_prefix: "@" },
  ]);
  t.is(creator("\t https://x/@ab/live \n"), "ab");
  t.is(creator("@@ab"), "@ab");
  t.is(creator("ab/live/live"), "ab/live");
  t.is(creator("@https://x/ab"), "https://x/ab");
  t.is(creator("AB"), "AB");
});

test("a text that a step does not fit stays as it is", (t) => {
  t.is(createNormaliser([{ drop_prefix: "abc" }, { drop_suffix: "xyz" }])("ab yz"), "ab yz");
});

test("a text may become empty", (t) => {
  t.is(createNormaliser(["trim", { drop_prefix: "@" }])(" @ "), "");
});
