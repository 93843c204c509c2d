import test from "ava";
import { describeCarrier, describeClaim, describeSurfaces } from "../../src/profile/describe.ts";
import type { Surface } from "../../src/profile/model/delivery.ts";

const NOTHING: Surface = {
  httpStatus: undefined,
  wwwAuthenticate: undefined,
  closeCode: undefined,
  closeReason: undefined,
  frame: () => undefined,
};

test("a claim is described by its source: a value as JSON, an expression as written", (t) => {
  t.deepEqual(
    [
      describeClaim({ name: "iat", from: "issued_at" }),
      describeClaim({ name: "uid", from: "request.user.id" }),
      describeClaim({ name: "v", value: "1" }),
      describeClaim({ name: "n", value: 1 }),
      describeClaim({ name: "x", cel: "request.a + 1" }),
      describeClaim({ rest: "request" }),
    ].map(({ name, source }) => `${name} <- ${source}`),
    ["iat <- issued_at", "uid <- request.user.id", 'v <- = "1"', "n <- = 1", "x <- cel: request.a + 1", " <- request"],
  );
});

test("a carrier is described by its name and by what precedes the token", (t) => {
  t.deepEqual(
    describeCarrier({
      in: "header",
      name: "authorization",
      scheme: "Bearer",
      schemeOptional: true,
      maxLength: 100,
      optional: false,
    }),
    { in: "header", name: "authorization", scheme: "Bearer", schemeOptional: true, maxLength: 100, optional: false },
  );
  const plain = { scheme: "", schemeOptional: false, maxLength: 9, optional: false };
  t.deepEqual(describeCarrier({ in: "query", name: "t", maxLength: 9, optional: false }), {
    in: "query",
    name: "t",
    ...plain,
  });
  t.deepEqual(describeCarrier({ in: "frame", prefix: "Bearer ", maxLength: 9, optional: false }), {
    in: "frame",
    name: "",
    ...plain,
    scheme: "Bearer ",
  });
});

test("surfaces are the reasons with their own, then the rest, with a place for the message", (t) => {
  const other = { ...NOTHING, httpStatus: 401, frame: (message: string) => `["${message}"]` };
  const views = describeSurfaces({ other, byReason: new Map([["EXPIRED", NOTHING]]), acceptedFrame: undefined });
  t.deepEqual(views, [
    { ...NOTHING, reason: "EXPIRED", frame: undefined },
    { ...NOTHING, reason: "", httpStatus: 401, frame: '["$message"]' },
  ]);
});

test("a profile that shows rejections nowhere has no surface", (t) => {
  t.deepEqual(describeSurfaces({ other: NOTHING, byReason: new Map(), acceptedFrame: undefined }), []);
});
