import test, { type ExecutionContext } from "ava";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { BatchVerifyTokensRequest, VerifyTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { filesIn } from "../support/files/config-files.ts";
import { badFields, type Dialect, dialect, verdictOf } from "../support/profiles/dialect.ts";
import { promised, type Service, startService } from "../support/service/service.ts";
import { foreignToken, testKey } from "../support/tokens/foreign-token.ts";

const LARGEST = "9007199254740991";
/** JSON.parse reads the first one as the second one. */
const [INEXACT, READ_AS] = ["9007199254740993", "9007199254740992"];

const ACCOUNTS = `
profile: accounts
issuer: none
subject: player
header: { typ: JWT, kid: absent }
keys: { imported: HS256, encoding: hex }
lifetime: { exp: required, default: 15m, max: 2h }
request: { type: object, properties: { player: { type: string }, account: {} } }
claims:
  - { name: player, from: request.player }
  - { name: account, from: request.account }
  - { name: exp, from: expires_at }
accept: { type: object, required: [account] }
aliases: { account: [acct] }
context: { type: object }
rules:
  - require: string(claims.account) == context.account
    reason: NOT_PERMITTED
    message: the token is for another account
carriers: [{ in: header, name: x-ticket }]
`;

const KEY = testKey("accounts");
const HEADER = '{"alg":"HS256","typ":"JWT"}';

interface Accounts {
  readonly service: Service;
  readonly calls: Dialect;
  /** Verifies a payload with these further members, for an account. */
  readonly verdict: (members: string, account?: string) => Promise<string>;
}

async function accounts(t: ExecutionContext): Promise<Accounts> {
  const folder = await filesIn(t, { "accounts.yaml": ACCOUNTS });
  const service = await startService(t, { env: { SIGNET_PROFILES_FOLDER: folder } });
  const calls = dialect(service, "accounts", { encoding: SecretEncoding.SECRET_ENCODING_HEX });
  await calls.importSecret(KEY.toString("hex"));
  const verdict = async (members: string, account = "") => {
    const answer = await calls.verify(ticket(members), { context: { account } });
    const verdict = verdictOf(answer);
    return verdict === "CLAIM_INVALID" ? `${verdict} ${answer.rejection?.message}` : verdict;
  };
  return { service, calls, verdict };
}

const ticket = (members: string) =>
  foreignToken(HEADER, `{"player":"ada","exp":${Math.floor(Date.now() / 1000) + 60},${members}}`, KEY);

const inexact = (path: string) => `CLAIM_INVALID ${path} must be within ±(2^53-1); a larger number belongs in a string`;

test("no rule lets one account in by the token of another: its number is CLAIM_INVALID with its path", async (t) => {
  const { verdict } = await accounts(t);
  t.is(String(JSON.parse(INEXACT)), READ_AS, "control: without the check the rule would see another account");
  for (const [number, account] of [
    [LARGEST, LARGEST],
    [`-${LARGEST}`, `-${LARGEST}`],
    ["9007199254740991.0", LARGEST],
    ["9.007199254740991e15", LARGEST],
    ["-0", "0"],
    ['"9007199254740993"', INEXACT],
  ] as const)
    t.is(await verdict(`"account":${number}`, account), "valid", number);
  t.is(await verdict(`"account":${LARGEST}`, READ_AS), "NOT_PERMITTED", "the rule distinguishes accounts");
  for (const number of [INEXACT, `-${INEXACT}`, READ_AS, `${INEXACT}.0`, "1e16", "1E+300", `${LARGEST}.6`])
    for (const account of [READ_AS, INEXACT])
      t.is(await verdict(`"account":${number}`, account), inexact("account"), number);
});

test("a number is found on every level, under the name that the token uses, and in a claim that no rule reads", async (t) => {
  const { verdict } = await accounts(t);
  const of = (members: string) => verdict(members, "1");
  t.is(await of(`"account":1,"x":[{"a b":[0,${INEXACT}]}]`), inexact("x[0].a b[1]"));
  t.is(await of(`"acct":${INEXACT}`), inexact("acct"));
  t.is(await of(`"account":1,"acct":${INEXACT}`), inexact("acct"), "before CLAIM_CONFLICT");
  t.is(await of(`"account":1,"exp2":1e400,"x":${INEXACT}`), "MALFORMED");
  t.is(await of(`"account":1,"9007199254740993":1`), "valid", "a name is text");
});

test("an inexact number comes after the registered claims and before what they are compared with", async (t) => {
  const { verdict } = await accounts(t);
  t.is(await verdict(`"account":${INEXACT},"jti":1`), "CLAIM_INVALID jti must be a non-empty string");
  t.is(await verdict(`"account":${INEXACT},"nbf":99999999999`), inexact("account"));
  t.is(await verdict(`"iat":1e16`), "CLAIM_INVALID iat must be within ±(2^53-1)", "a string would be no remedy");
  t.is(await verdict(`"account":1,"nbf":99999999999`), "NOT_YET_VALID");
});

test("a number in a header is HEADER_INVALID, whatever its size", async (t) => {
  const { calls } = await accounts(t);
  for (const header of [`"kid":${INEXACT}`, '"kid":1e400', `"kid":[${INEXACT}]`, `"x":${INEXACT}`, '"typ":1'])
    t.is(
      verdictOf(await calls.verify(foreignToken(`{"alg":"HS256",${header}}`, '{"account":1}', KEY))),
      "HEADER_INVALID",
      header,
    );
  const alg = foreignToken(`{"alg":${INEXACT},"typ":"JWT"}`, '{"account":1}', KEY);
  t.is(verdictOf(await calls.verify(alg)), "HEADER_INVALID");
});

test("carriers, batches, and a token whose signature is remembered are judged alike", async (t) => {
  const { service, calls } = await accounts(t);
  const context = { account: READ_AS };
  const token = ticket(`"account":${INEXACT}`);
  for (const _ of ["first", "remembered"]) t.is(verdictOf(await calls.verify(token, { context })), "CLAIM_INVALID");
  const headers = [{ name: "X-Ticket", value: token }];
  t.is(verdictOf(await calls.present({ headers }, { context })), "CLAIM_INVALID");
  const item = VerifyTokenRequest.fromPartial({
    profile: "accounts",
    context,
    credential: { $case: "token", value: token },
  });
  const good = { ...item, context: { account: "1" }, credential: { $case: "token", value: ticket('"account":1') } };
  const items = BatchVerifyTokensRequest.fromPartial({ items: [item, good as VerifyTokenRequest] });
  const { results } = await promised(service.tokens.batchVerifyTokens.bind(service.tokens), items);
  t.deepEqual(
    results.map(({ result }) => result?.$case === "response" && verdictOf(result.value)),
    ["CLAIM_INVALID", "valid"],
  );
});

test("nothing is issued with such a number, and a context with one is CONTEXT_INVALID", async (t) => {
  const { calls } = await accounts(t);
  for (const number of [2 ** 53, -(2 ** 53), 1e300, Number.POSITIVE_INFINITY, Number.NaN]) {
    t.deepEqual(await badFields(calls.issue({ player: "ada", account: number })), ["claims.account"]);
    t.deepEqual(await badFields(calls.issue({ player: "ada", x: [{ y: number }] })), ["claims.x[0].y"]);
    const context = { account: "1", x: [number] };
    const { rejection } = await calls.verify(ticket('"account":1'), { context });
    t.is(rejection?.message, "context.x[0] must be within ±(2^53-1); a larger number belongs in a string");
  }
  const { claims, token } = await calls.issue({ player: "ada", account: Number(LARGEST) });
  t.is(claims?.account, Number(LARGEST));
  t.is(verdictOf(await calls.verify(token, { context: { account: LARGEST } })), "valid");
});
