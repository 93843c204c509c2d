import test from "ava";
import { SignJWT } from "jose";
import jsonwebtoken from "jsonwebtoken";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { dialect, verdictOf } from "../support/profiles/dialect.ts";
import { importEverywhere } from "../support/profiles/every-profile.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { startService } from "../support/service/service.ts";
import { claimsOf, foreignToken, testKey, textsOf } from "../support/tokens/foreign-token.ts";

const KEY = testKey("foreign typ");
const SECRET = KEY.toString("base64");

test("what a vendor's library signs is valid, with typ JWT and without; other types only where the profile lists them", async (t) => {
  const folder = await folderWithVariant(t, "viasocket", "explicit", {
    "header: { typ: JWT, kid: absent }": "header: { typ: a+jwt, accept_typ: [b+jwt], kid: absent }",
  });
  const service = await startService(t, { env: { SIGNET_PROFILES_FOLDER: folder } });
  const { shoplive, viasocket, reactive, hivekit } = await importEverywhere(service, SECRET);

  for (const { name, grant, verify } of [shoplive, viasocket, reactive, hivekit]) {
    const issued = await grant();
    const claims = claimsOf(issued);
    const { alg, kid } = JSON.parse(textsOf(issued).header);
    const named = kid === undefined ? {} : { kid };
    t.is(verdictOf(await verify(issued)), "valid", name);
    // Its default header is {"alg":"HS256","typ":"JWT"}.
    const withJwt = jsonwebtoken.sign(claims, KEY, kid === undefined ? {} : { keyid: kid });
    t.is(verdictOf(await verify(withJwt)), "valid", `${name}, signed by jsonwebtoken`);
    const untyped = await new SignJWT(claims).setProtectedHeader({ alg, ...named }).sign(KEY);
    t.is(verdictOf(await verify(untyped)), "valid", `${name}, signed by jose`);
    for (const typ of ["at+jwt", "text/jwt", "", "JWS"]) {
      const other = foreignToken({ alg, typ, ...named }, claims, KEY);
      t.is(verdictOf(await verify(other)), "TYPE_MISMATCH", `${name} ${typ}`);
    }
  }

  const user = { org_id: "1", project_id: "2", user_id: "3" };
  const explicit = dialect(service, "explicit", { encoding: SecretEncoding.SECRET_ENCODING_BASE64 });
  await explicit.importSecret(SECRET);
  const issued = await explicit.issue(user);
  const claims = claimsOf(issued.token);
  const verdict = async (header: object) =>
    verdictOf(await explicit.verify(foreignToken({ alg: "HS256", ...header }, claims, KEY), { context: user }));
  t.is(JSON.parse(textsOf(issued.token).header).typ, "a+jwt");
  for (const typ of ["a+jwt", "A+JWT", "application/b+jwt"]) t.is(await verdict({ typ }), "valid", typ);
  for (const header of [{}, { typ: "JWT" }, { typ: "c+jwt" }]) t.is(await verdict(header), "TYPE_MISMATCH");
});

test("the tokens of a rotating keyset have exactly their typ", async (t) => {
  const service = await startService(t);
  const calls = dialect(service, "service", {
    issue: { subject: "alice", audience: ["api"] },
    verify: { audience: "api" },
  });
  const { token } = await calls.issue({});
  const { header, claims } = textsOf(token);
  t.is(JSON.parse(header).typ, "at+jwt");
  t.is(verdictOf(await calls.verify(token)), "valid");
  for (const typ of [undefined, "JWT"]) {
    // The type is checked before the signature, which this key can't make.
    const other = foreignToken({ ...JSON.parse(header), typ }, claims, KEY);
    t.is(verdictOf(await calls.verify(other)), "TYPE_MISMATCH");
  }
});
