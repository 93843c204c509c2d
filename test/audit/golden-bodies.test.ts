import test from "ava";
import { encodeEvent } from "../../src/audit/encode.ts";
import type { AuditEvent } from "../../src/audit/event.ts";

// Bodies are stored, published and hashed byte for byte: whatever version wrote them, they must stay the same.
const ID = "0198b2f0-0000-7000-8000-000000000000";
const T = 1_790_000_000_000;
const PLACE = { writer: "writer-1", epoch: 2, seq: 41, prevHash: new Uint8Array(32).fill(0xfb) };
const HEAD = `{"eventId":"${ID}","time":"2026-09-21T14:13:20.123Z","writer":"writer-1","epoch":"2","seq":"41",\
"prevHash":"+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",`;

/** Each type of event with every field set, and with as few as the type allows. */
const BODIES: readonly (readonly [AuditEvent, string])[] = [
  [
    {
      type: "token.issued",
      profile: "service",
      tokenId: "token-1",
      keyId: "abcdefghijklmnop",
      caller: "spiffe://example.org/backend",
      subjectHash: "abcdefghijklmnopqrstuv",
      audience: ["https://api.example.org", 'é "q" \u0001'],
      issuedAt: T,
      expiresAt: T + 300_000,
      requestId: "request-1",
      tenant: "acme",
      extended: true,
    },
    String.raw`"tokenIssued":{"profile":"service","tokenId":"token-1","keyId":"abcdefghijklmnop","caller":"spiffe://example.org/backend","subjectHash":"abcdefghijklmnopqrstuv","audience":["https://api.example.org","é \"q\" \u0001"],"issuedAt":"2026-09-21T14:13:20Z","expiresAt":"2026-09-21T14:18:20Z","requestId":"request-1","tenant":"acme","extended":true}}`,
  ],
  [
    {
      type: "token.issued",
      profile: "",
      tokenId: "",
      keyId: "",
      caller: "",
      subjectHash: "",
      audience: [],
      issuedAt: 0,
      expiresAt: undefined,
      requestId: "",
      tenant: "",
      extended: false,
    },
    '"tokenIssued":{"issuedAt":"1970-01-01T00:00:00Z"}}',
  ],
  [
    { type: "token.denied", profile: "service", caller: "loopback", reason: "INVALID_REQUEST", count: 49 },
    '"tokenDenied":{"profile":"service","caller":"loopback","reason":"INVALID_REQUEST","count":"49"}}',
  ],
  [{ type: "token.denied", profile: "", caller: "", reason: "", count: 0 }, '"tokenDenied":{}}'],
  [
    {
      type: "token.revoked",
      profile: "service",
      tenant: "acme",
      tokenIds: ["one", "two"],
      subjectHash: "",
      issuedBefore: undefined,
      caller: "loopback",
      reason: "stolen",
      until: T + 5,
    },
    '"tokenRevoked":{"profile":"service","tenant":"acme","tokenIds":["one","two"],"caller":"loopback","reason":"stolen","until":"2026-09-21T14:13:20.005Z"}}',
  ],
  [
    {
      type: "token.revoked",
      profile: "service",
      tenant: "",
      tokenIds: [],
      subjectHash: "abcdefghijklmnopqrstuv",
      issuedBefore: T,
      caller: "",
      reason: "",
      until: T,
    },
    '"tokenRevoked":{"profile":"service","subjectHash":"abcdefghijklmnopqrstuv","issuedBefore":"2026-09-21T14:13:20Z","until":"2026-09-21T14:13:20Z"}}',
  ],
  [
    {
      type: "key.rotated",
      keyset: "main",
      keysetEpoch: 7,
      added: ["a"],
      removed: ["b", "c"],
      reason: "scheduled",
      caller: "loopback",
    },
    '"keyRotated":{"keyset":"main","keysetEpoch":"7","added":["a"],"removed":["b","c"],"reason":"scheduled","caller":"loopback"}}',
  ],
  [
    { type: "key.rotated", keyset: "", keysetEpoch: 0, added: [], removed: [], reason: "", caller: "" },
    '"keyRotated":{}}',
  ],
  [
    {
      type: "key.imported",
      profile: "hivekit",
      tenant: "acme",
      keyId: "one",
      caller: "loopback",
      algorithm: "RS256",
      byteLength: 32,
      fingerprint: "f00d",
      allowedWeak: true,
      overlapUntil: T,
    },
    '"keyImported":{"profile":"hivekit","tenant":"acme","keyId":"one","caller":"loopback","byteLength":32,"fingerprint":"f00d","allowedWeak":true,"overlapUntil":"2026-09-21T14:13:20Z","algorithm":"RS256"}}',
  ],
  [
    {
      type: "key.imported",
      profile: "hivekit",
      tenant: "",
      keyId: "",
      caller: "",
      algorithm: "",
      byteLength: 0,
      fingerprint: "",
      allowedWeak: false,
      overlapUntil: undefined,
    },
    '"keyImported":{"profile":"hivekit"}}',
  ],
  [
    {
      type: "key.revoked",
      keyset: "main",
      profile: "",
      tenant: "",
      keyId: "one",
      signingKeyId: "two",
      keysetEpoch: 8,
      caller: "loopback",
      reason: "leaked",
    },
    '"keyRevoked":{"keyset":"main","keyId":"one","signingKeyId":"two","keysetEpoch":"8","caller":"loopback","reason":"leaked"}}',
  ],
  [
    {
      type: "key.revoked",
      keyset: "",
      profile: "hivekit",
      tenant: "acme",
      keyId: "one",
      signingKeyId: "",
      keysetEpoch: 0,
      caller: "",
      reason: "",
    },
    '"keyRevoked":{"profile":"hivekit","tenant":"acme","keyId":"one"}}',
  ],
  [
    { type: "configuration.changed", configHash: "c0ffee", profiles: ["lobby", "service"], disabled: [], replaced: [] },
    '"configurationChanged":{"configHash":"c0ffee","profiles":["lobby","service"]}}',
  ],
  [
    { type: "configuration.changed", configHash: "", profiles: [], disabled: [], replaced: [] },
    '"configurationChanged":{}}',
  ],
  [
    { type: "service.started", version: "1.0.0", configHash: "c0ffee", acceptedLosses: [] },
    '"serviceStarted":{"version":"1.0.0","configHash":"c0ffee"}}',
  ],
  [{ type: "service.started", version: "", configHash: "", acceptedLosses: [] }, '"serviceStarted":{}}'],
  [{ type: "service.stopped", reason: "SIGTERM" }, '"serviceStopped":{"reason":"SIGTERM"}}'],
  [{ type: "service.stopped", reason: "" }, '"serviceStopped":{}}'],
];

for (const [event, detail] of BODIES)
  test(`the body of ${detail.slice(0, 60)} stays byte for byte the same`, (t) => {
    t.is(encodeEvent(ID, T + 123, PLACE, event).toString(), HEAD + detail);
  });

test("a whole second has no fraction, and a writer's first event no hash", (t) => {
  const place = { writer: "w", epoch: 1, seq: 1, prevHash: new Uint8Array() };
  t.is(
    encodeEvent(ID, T, place, { type: "service.stopped", reason: "x" }).toString(),
    `{"eventId":"${ID}","time":"2026-09-21T14:13:20Z","writer":"w","epoch":"1","seq":"1","serviceStopped":{"reason":"x"}}`,
  );
});
