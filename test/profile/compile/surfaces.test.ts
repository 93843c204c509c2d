import test from "ava";
import { RejectionReason } from "../../../src/gen/signet/v1/token.ts";
import { REJECTION_REASONS } from "../../../src/profile/model/rules.ts";
import { profileOf } from "../../support/profiles/profiles.ts";
import { tinyProfile } from "../../support/profiles/tiny-profile.ts";

const surfaces = (text: string) =>
  profileOf(tinyProfile({ 9: "carriers: [{ in: frame, prefix: '' }]", 10: `surfaces: ${text}` })).surfaces;

test("a surface can name every reason of the contract and no other", (t) => {
  const contract = Object.keys(RejectionReason).filter((name) => /^REJECTION_REASON_(?!UNSPECIFIED)/.test(name));
  t.deepEqual(
    [...REJECTION_REASONS],
    contract.map((name) => name.replace("REJECTION_REASON_", "")),
  );
});

test("a reason without values of its own is presented as the surface says", (t) => {
  const { other, byReason } = surfaces(
    "{ http: { status: 401, www_authenticate: Bearer, reasons: { EXPIRED: { status: 403 }, TOO_OLD: { www_authenticate: Basic } } } }",
  );
  t.like(other, { httpStatus: 401, wwwAuthenticate: "Bearer", closeCode: undefined, closeReason: undefined });
  t.like(byReason.get("EXPIRED"), { httpStatus: 403, wwwAuthenticate: "Bearer" });
  t.like(byReason.get("TOO_OLD"), { httpStatus: 401, wwwAuthenticate: "Basic" });
});

test("a reason of one surface keeps what the others show", (t) => {
  const { byReason } = surfaces(
    "{ http: { status: 401 }, websocket: { code: 4401, reason: no, reasons: { EXPIRED: { code: 4402 } } } }",
  );
  t.like(byReason.get("EXPIRED"), { httpStatus: 401, closeCode: 4402, closeReason: "no" });
});

test("a profile without surfaces shows nothing", (t) => {
  const { other, byReason, acceptedFrame } = profileOf(tinyProfile()).surfaces;
  t.like(other, { httpStatus: undefined, wwwAuthenticate: undefined, closeCode: undefined, closeReason: undefined });
  t.is(other.frame("m"), undefined);
  t.is(byReason.size, 0);
  t.is(acceptedFrame, undefined);
});

test("the message is in the frame as text, whatever it contains", (t) => {
  const { other } = surfaces("{ frame: { rejected: { z: $message, a: [{ b: $message }], c: 'not $message' } } }");
  t.is(other.frame('"}],\n'), '{"z":"\\"}],\\n","a":[{"b":"\\"}],\\n"}],"c":"not $message"}');
  t.is(other.frame("$message $& $1"), '{"z":"$message $& $1","a":[{"b":"$message $& $1"}],"c":"not $message"}');
});

test("a silent reason is answered with nothing, the others with the frame", (t) => {
  const { other, byReason } = surfaces("{ frame: { rejected: { e: x }, silent: [CARRIER_MISSING] } }");
  t.is(byReason.get("CARRIER_MISSING")?.frame("m"), undefined);
  t.is(other.frame("m"), '{"e":"x"}');
});

test("the frame that accepts is compact JSON in the file's order", (t) => {
  t.is(surfaces("{ frame: { accepted: [{ b: 1, a: [true, null] }] } }").acceptedFrame, '[{"b":1,"a":[true,null]}]');
});
