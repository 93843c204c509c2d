import test from "ava";
import { layOutJson } from "../../../../src/cli/inspect/json-layout.ts";
import { seededRandom } from "../../../support/seeded-random.ts";
import { signet } from "../../terminal.ts";

const encode = (part: string | Buffer) => Buffer.from(part).toString("base64url");
const jws = (header: string | Buffer, payload: string | Buffer, signature = "c2ln") =>
  `${encode(header)}.${encode(payload)}.${signature}`;
const HEADER = '{"alg":"EdDSA","kid":"k-1","typ":"at+jwt"}';
const TOKEN = jws(HEADER, '{"sub":"alice","iat":1795341600,"exp":1795348801,"jti":"0199-id","n":9007199254740993}');
const inspect = (token: string, ...words: string[]) => signet(["token", "inspect", ...words], { stdin: token });

test("it decodes a token, says first that nothing is proven, and writes each number as it stands", async (t) => {
  const { code, stdout, stderr } = await inspect(`${TOKEN}\n`);
  t.is(code, 0);
  t.is(stderr, "");
  t.is(
    stdout,
    `not verified: anyone can write such a token, and nothing in it is proven; signet token verify checks it
kind       JWS, 177 characters
algorithm  EdDSA
key        k-1
type       at+jwt
id         0199-id
iat        2026-11-22T10:00:00Z (2h ago)
exp        2026-11-22T12:00:01Z (in 1s)
signature  3 bytes, not checked
header {
  "alg": "EdDSA",
  "kid": "k-1",
  "typ": "at+jwt"
}
payload {
  "sub": "alice",
  "iat": 1795341600,
  "exp": 1795348801,
  "jti": "0199-id",
  "n": 9007199254740993
}
`,
  );
});

test("the argument is read as standard input is, and --json is one document with the same answer", async (t) => {
  t.deepEqual(await signet(["token", "inspect", TOKEN]), await inspect(TOKEN, "-"));
  const { code, stdout } = await inspect(TOKEN, "--json");
  t.is(code, 0);
  const { notice, ...answer } = JSON.parse(stdout);
  t.regex(notice, /nothing in it is proven/);
  t.deepEqual(answer, {
    verified: false,
    kind: "JWS",
    characters: 177,
    tokenId: "0199-id",
    times: { iat: "2026-11-22T10:00:00Z", exp: "2026-11-22T12:00:01Z" },
    faults: [],
    notes: [],
    header: JSON.parse(HEADER),
    payload: { sub: "alice", iat: 1795341600, exp: 1795348801, jti: "0199-id", n: Number("9007199254740993") },
  });
  t.true(stdout.includes("9007199254740993"));
});

for (const around of [
  `Bearer ${TOKEN}`,
  `Authorization: Bearer ${TOKEN}\r\n`,
  `https://gate.example/live?x=secret&token=${TOKEN}#top`,
  `session=secret; token=${TOKEN}; path=/`,
  `{"access_token":"${TOKEN}","token_type":"Bearer"}`,
  `${TOKEN} ${TOKEN}`,
])
  test(`a token in other text is found: ${around.replaceAll(TOKEN, "TOKEN")}`, async (t) => {
    const { code, stdout } = await inspect(around);
    t.is(code, 0);
    t.regex(stdout, /^id +0199-id$/m);
    t.regex(stdout, /^note: the token stood in other text; give that to token verify with --header/m);
    t.notRegex(stdout, /secret/);
  });

for (const [what, input, answer] of [
  ["nothing", " \n", /the input is empty/],
  ["an opaque token", "Bearer 0a1b2c", /the input holds no JWT, which is three or five parts/],
  ["one part", "eyJhbGciOiJFZERTQSJ9", /a JWT has three parts \(signed\) or five \(encrypted\)/],
  ["four parts", "a.b.c.d", /three parts/],
  ["a million dots", ".".repeat(1_000_000), /three parts/],
  ["bytes that are not UTF-8", Buffer.from([0xff, 0xfe, 0x80]), /the input is not UTF-8/],
  ["two tokens", `${TOKEN} ${jws(HEADER, "{}")}`, /the input holds 2 different tokens; give one of them/],
  ["JSON serialisation", '{"payload":"e30","signatures":[]}', /in JSON serialisation; a JWT has the compact one/],
] as const)
  test(`${what}: a plain answer, and 1`, async (t) => {
    const { code, stdout, stderr } = await signet(["token", "inspect"], { stdin: input });
    t.is(code, 1);
    t.is(stdout, "");
    t.regex(stderr, answer);
    t.regex(stderr, /^error: NOT_A_TOKEN: /);
  });

test("more than 1 MiB is refused unread", async (t) => {
  const { code, stderr } = await inspect("e".repeat((1 << 20) + 1));
  t.is(code, 2);
  t.regex(stderr, /larger than 1 MiB/);
});

for (const [what, token, code, answer] of [
  ["a JWE", `${encode('{"alg":"dir","enc":"A256GCM"}')}..aXY.Y3Q.dGFn`, 0, /note: the payload is encrypted/],
  ["alg none", jws('{"alg":"none"}', "{}", ""), 0, /note: nothing signs this token: anyone can change it/],
  ["alg None with a signature", jws('{"alg":"None"}', "{}"), 0, /note: nothing signs this token/],
  ["a name that occurs twice", jws(HEADER, '{"a":{"sub":"x","s\\u0075b":"y"}}'), 1, /member "sub" twice in one object/],
  ["a payload that is not UTF-8", jws(HEADER, Buffer.from([0x7b, 0xff])), 1, /payload is not UTF-8 \(2 bytes\)/],
  ["a payload that is text", jws(HEADER, "hello"), 1, /payload is not JSON/],
  ["a list", jws(HEADER, "[]"), 1, /payload is not a JSON object/],
  ["a nested token", jws(HEADER, TOKEN), 1, /payload is a token itself: inspect that one/],
  ["an empty payload", jws(HEADER, ""), 1, /payload is empty/],
  ["parts of one character", "a.b.c", 1, /header is not base64url\nfault: the payload is not base64url/],
  ["a header without alg", jws("{}", "{}"), 1, /fault: the header has no alg, or one that is no text/],
  ["an alg that is a number", jws('{"alg":5}', "{}"), 1, /fault: the header has no alg, or one that is no text/],
  ["critical extensions", jws('{"alg":"EdDSA","crit":["b64"]}', "{}"), 0, /note: the header has crit/],
  ["a signature with spare bits", jws(HEADER, "{}", "AB"), 0, /note: the signature is not canonical base64url/],
  ["20 000 levels", jws(HEADER, nested(20_000)), 1, /payload has 20001 levels; at most 64/],
  ["100 000 levels", jws(HEADER, nested(100_000)), 1, /payload has 100001 levels; at most 64/],
  ["padding", `${encode(HEADER)}.e30=.c2ln`, 0, /note: the payload is not canonical base64url \(RFC 7515, 2\)/],
  ["9000 characters", jws(HEADER, `{"a":"${"x".repeat(9_000)}"}`), 0, /note: longer than 8192 characters/],
  ["milliseconds", jws(HEADER, '{"exp":1795348801000}'), 0, /note: exp seems to count milliseconds/],
  ["a time that is text", jws(HEADER, '{"exp":"soon"}'), 0, /note: exp is not a time, which is a number of seconds/],
  ["an infinite time", jws(HEADER, '{"exp":1e999}'), 0, /note: exp is not a time/],
  ["no jti", jws(HEADER, "{}"), 0, /^id +h\.[\w-]{43}$/m],
] as const)
  test(`${what}: a plain answer, and ${code}`, async (t) => {
    const text = await inspect(token);
    t.is(text.code, code);
    t.is(text.stderr, "");
    t.regex(text.stdout, answer);
    t.regex(text.stdout, /^not verified: /);
    t.notRegex(text.stdout, /\bvalid\b/);
    const json = await inspect(token, "--json");
    t.is(json.code, code);
    t.is(JSON.parse(json.stdout).verified, false);
  });

function nested(levels: number): string {
  return `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`;
}

test("a member that occurs twice is shown twice as text, and left out of --json, whose reader would choose", async (t) => {
  const token = jws(HEADER, '{"sub":"x","sub":"y"}');
  t.regex((await inspect(token)).stdout, /"sub": "x",\n {2}"sub": "y"/);
  const answer = JSON.parse((await inspect(token, "--json")).stdout);
  t.false("payload" in answer);
  t.deepEqual(answer.header, JSON.parse(HEADER));
});

test("no character of a token is a command to the terminal", async (t) => {
  const evil = "\u001b[2J\u009b2J\u202e\u2028\u007f\u{e0001}";
  const raw = `{"alg":"EdDSA","kid":${JSON.stringify(evil)},"${evil.slice(4)}":1}`;
  for (const words of [[], ["--json"]]) {
    const { code, stdout } = await inspect(jws(raw.replaceAll("\u001b", "\\u001b"), raw), ...words);
    t.notRegex(stdout, /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
    t.true(code <= 1);
  }
  const { kid } = JSON.parse((await inspect(jws(`{"kid":${JSON.stringify(evil)}}`, "{}"), "--json")).stdout).header;
  t.is(kid, evil, "the escapes keep the value");
});

test("the layout has the values of the JSON text, also where it is too long for an indentation", (t) => {
  for (const value of [{}, [], { a: [] }, { a: {}, b: [1, [2, { c: null }]] }, { 'a:,{}[]"\\': '"{\\' }]) {
    t.is(layOutJson(JSON.stringify(value)).text, JSON.stringify(value, null, 2));
    t.is(layOutJson(JSON.stringify(value, null, 7)).text, JSON.stringify(value, null, 2));
  }
  const long = { list: Array.from({ length: 30_000 }, (_, at) => [at]) };
  const { text, depth, duplicate } = layOutJson(JSON.stringify(long));
  t.deepEqual(JSON.parse(text), long);
  t.is(depth, 3);
  t.is(duplicate, undefined);
  t.true(text.length < 400_000);
});

test("no input throws, whatever a token or a text holds", async (t) => {
  const random = seededRandom(t);
  for (let round = 0; round < 300; round += 1) {
    const bytes = Buffer.from(TOKEN);
    for (let edit = 0; edit < 3; edit += 1) bytes[random(0, bytes.length)] = random(0, 256);
    const { code, stdout, stderr } = await signet(["token", "inspect"], { stdin: bytes });
    t.true(code === 0 || code === 1, stderr);
    t.true(stdout.startsWith("not verified: ") || stderr.startsWith("error: NOT_A_TOKEN: "), stderr);
  }
});
