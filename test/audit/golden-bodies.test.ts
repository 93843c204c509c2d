import test from "ava";
import { encodeEvent } from "../../src/audit/encode.ts";
import type { AuditEvent } from "../../src/audit/event.ts";
import { callerNamed, LOOPBACK } from "../support/caller.ts";

// Bodies are stored, published and hashed byte for byte: whatever version wrote them, they must stay the same.
const ID = "0198b2f0-0000-7000-8000-000000000000";
const T = 1_790_000_000_000;
const PLACE = { writer: "writer-1", epoch: 2, seq: 41, prevHash: new Uint8Array(32).fill(0xfb), logIndex: 99 };
const HEAD = `{"eventId":"${ID}","time":"2026-09-21T14:13:20.123Z","writer":"writer-1","epoch":"2","seq":"41",\
"prevHash":"+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=","logIndex":"99",`;

/** What the events of version 0.1.0 did not say. */
const NOTHING_SHOWN = {
  claims: undefined,
  claimsLeftOut: [],
  claimsDigest: "",
  profileDigest: "",
  ttlSeconds: undefined,
  warnings: [],
  subject: "",
};
const NEXT_UNNAMED = { signingKeyId: "", signsFrom: undefined };
const NO_SAMPLE = { caller: { name: "", proof: "", address: "" }, keyId: "", tokenId: "" } as const;

/** Each type of event with every field set, and with as few as the type allows. */
const BODIES: readonly (readonly [AuditEvent, string])[] = [
  [
    {
      type: "token.issued",
      profile: "service",
      tokenId: "token-1",
      keyId: "abcdefghijklmnop",
      caller: callerNamed("spiffe://example.org/backend"),
      subjectHash: "abcdefghijklmnopqrstuv",
      audience: ["https://api.example.org", 'é "q" \u0001'],
      issuedAt: T,
      expiresAt: T + 300_000,
      requestId: "request-1",
      tenant: "acme",
      extended: true,
      ...NOTHING_SHOWN,
    },
    String.raw`"tokenIssued":{"profile":"service","tokenId":"token-1","keyId":"abcdefghijklmnop","caller":"spiffe://example.org/backend","subjectHash":"abcdefghijklmnopqrstuv","audience":["https://api.example.org","é \"q\" \u0001"],"issuedAt":"2026-09-21T14:13:20Z","expiresAt":"2026-09-21T14:18:20Z","requestId":"request-1","tenant":"acme","extended":true,"callerProof":"mtls","callerAddress":"192.0.2.7"}}`,
  ],
  [
    {
      type: "token.issued",
      profile: "",
      tokenId: "",
      keyId: "",
      caller: callerNamed(""),
      subjectHash: "",
      audience: [],
      issuedAt: 0,
      expiresAt: undefined,
      requestId: "",
      tenant: "",
      extended: false,
      ...NOTHING_SHOWN,
    },
    '"tokenIssued":{"issuedAt":"1970-01-01T00:00:00Z","callerProof":"mtls","callerAddress":"192.0.2.7"}}',
  ],
  [
    {
      type: "token.withheld",
      profile: "service",
      tokenId: "token-1",
      keyId: "abcdefghijklmnop",
      caller: LOOPBACK,
      tenant: "acme",
      reason: "NOT_ACKNOWLEDGED",
    },
    '"tokenWithheld":{"profile":"service","tokenId":"token-1","keyId":"abcdefghijklmnop","caller":"loopback","tenant":"acme","reason":"NOT_ACKNOWLEDGED","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    {
      type: "signatures.counted",
      keys: [
        { keyId: "abcdefghijklmnop", signed: 9, issued: 6, withheld: 1, unrecorded: 1, selfTests: 2, inFlight: 0 },
        { keyId: "other", signed: 1, issued: 0, withheld: 0, unrecorded: 0, selfTests: 0, inFlight: 1 },
      ],
    },
    '"signaturesCounted":{"keys":[{"keyId":"abcdefghijklmnop","signed":"9","issued":"6","withheld":"1","unrecorded":"1","selfTests":"2"},{"keyId":"other","signed":"1","inFlight":"1"}]}}',
  ],
  [
    {
      type: "writer.opened",
      origin: "tokens.example.com/audit/5f0c6f4e",
      verifierKey: "tokens.example.com/audit/5f0c6f4e+00000000+AQ==",
      reason: "UPGRADED",
      predecessor: "0c6f4e5f",
      predecessorOrigin: "tokens.example.com/audit/0c6f4e5f",
    },
    '"writerOpened":{"origin":"tokens.example.com/audit/5f0c6f4e","verifierKey":"tokens.example.com/audit/5f0c6f4e+00000000+AQ==","reason":"UPGRADED","predecessor":"0c6f4e5f","predecessorOrigin":"tokens.example.com/audit/0c6f4e5f"}}',
  ],
  [
    { type: "writer.opened", origin: "o", verifierKey: "k", reason: "NEW", predecessor: "", predecessorOrigin: "" },
    '"writerOpened":{"origin":"o","verifierKey":"k","reason":"NEW"}}',
  ],
  [
    {
      type: "writer.closed",
      reason: "KEY_ROTATED",
      successor: "5f0c6f4e",
      successorOrigin: "tokens.example.com/audit/5f0c6f4e",
      successorVerifierKey: "tokens.example.com/audit/5f0c6f4e+00000000+AQ==",
    },
    '"writerClosed":{"reason":"KEY_ROTATED","successor":"5f0c6f4e","successorOrigin":"tokens.example.com/audit/5f0c6f4e","successorVerifierKey":"tokens.example.com/audit/5f0c6f4e+00000000+AQ=="}}',
  ],
  [
    { type: "writer.closed", reason: "KEY_ROTATED", successor: "", successorOrigin: "", successorVerifierKey: "" },
    '"writerClosed":{"reason":"KEY_ROTATED"}}',
  ],
  [{ type: "audit.alive" }, '"auditAlive":{}}'],
  [
    {
      type: "writer.retired",
      retiredWriter: "5f0c6f4e",
      origin: "tokens.example.com/audit/5f0c6f4e",
      verifierKey: "tokens.example.com/audit/5f0c6f4e+00000000+AQ==",
      caller: LOOPBACK,
      reason: "its disk is gone",
    },
    '"writerRetired":{"retiredWriter":"5f0c6f4e","origin":"tokens.example.com/audit/5f0c6f4e","verifierKey":"tokens.example.com/audit/5f0c6f4e+00000000+AQ==","caller":"loopback","reason":"its disk is gone","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    { type: "token.denied", profile: "service", caller: LOOPBACK, reason: "INVALID_REQUEST", count: 49, requestId: "" },
    '"tokenDenied":{"profile":"service","caller":"loopback","reason":"INVALID_REQUEST","count":"49","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    { type: "token.denied", profile: "", caller: callerNamed(""), reason: "", count: 0, requestId: "" },
    '"tokenDenied":{"callerProof":"mtls","callerAddress":"192.0.2.7"}}',
  ],
  [
    { type: "token.rejected", profile: "service", reason: "BAD_SIGNATURE", count: 49, sample: NO_SAMPLE },
    '"tokenRejected":{"profile":"service","reason":"BAD_SIGNATURE","count":"49"}}',
  ],
  [
    {
      type: "access.denied",
      method: "RotateKeys",
      profile: "",
      caller: LOOPBACK,
      reason: "PERMISSION_DENIED",
      count: 3,
    },
    '"accessDenied":{"method":"RotateKeys","caller":"loopback","reason":"PERMISSION_DENIED","count":"3","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    {
      type: "access.denied",
      method: "",
      profile: "",
      caller: { name: "", proof: "", address: "192.0.2.9" },
      reason: "UNAUTHENTICATED",
      count: 1,
    },
    '"accessDenied":{"reason":"UNAUTHENTICATED","count":"1","callerAddress":"192.0.2.9"}}',
  ],
  [
    { type: "access.would_deny", method: "IssueToken", profile: "service", caller: LOOPBACK, group: "shop", count: 1 },
    '"accessWouldDeny":{"method":"IssueToken","profile":"service","caller":"loopback","group":"shop","count":"1","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    { type: "access.would_allow", method: "ListKeys", profile: "", caller: LOOPBACK, group: "shop", count: 2 },
    '"accessWouldAllow":{"method":"ListKeys","caller":"loopback","group":"shop","count":"2","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    { type: "admin.failed", method: "ImportKey", profile: "hivekit", caller: LOOPBACK, reason: "WEAK_KEY", count: 1 },
    '"adminFailed":{"method":"ImportKey","profile":"hivekit","caller":"loopback","reason":"WEAK_KEY","count":"1","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    {
      type: "admin.failed",
      method: "Reload",
      profile: "",
      caller: { name: "", proof: "", address: "" },
      reason: "CONFIG",
      count: 1,
    },
    '"adminFailed":{"method":"Reload","reason":"CONFIG","count":"1"}}',
  ],
  [
    {
      ...{
        type: "session.opened",
        profile: "euler-stream",
        tenant: "",
        sessionId: "s-1",
        tokenId: "t-1",
        keyId: "k-1",
      },
      ...{
        caller: LOOPBACK,
        gatewayId: "g-1",
        connectionId: "c-1",
        subjectHash: "h-1",
        openSessions: 1,
        maxSessions: 3,
        subject: "",
      },
      deadline: Date.UTC(2026, 0, 2),
    },
    '"sessionOpened":{"profile":"euler-stream","sessionId":"s-1","tokenId":"t-1","keyId":"k-1","caller":"loopback","gatewayId":"g-1","connectionId":"c-1","subjectHash":"h-1","openSessions":1,"maxSessions":3,"deadline":"2026-01-02T00:00:00Z","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    {
      ...{ type: "session.closed", profile: "euler-stream", tenant: "", sessionId: "s-1", keyId: "k-1" },
      ...{ caller: { name: "dns:g", proof: "", address: "" }, gatewayId: "g-1", reason: "LEASE_LAPSED" },
      openedAt: Date.UTC(2026, 0, 2),
    },
    '"sessionClosed":{"profile":"euler-stream","sessionId":"s-1","keyId":"k-1","caller":"dns:g","gatewayId":"g-1","reason":"LEASE_LAPSED","openedAt":"2026-01-02T00:00:00Z"}}',
  ],
  [
    { type: "session.refused", profile: "euler-stream", caller: LOOPBACK, reason: "TOO_MANY_SESSIONS", count: 2 },
    '"sessionRefused":{"profile":"euler-stream","caller":"loopback","reason":"TOO_MANY_SESSIONS","count":"2","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    {
      type: "token.revoked",
      profile: "service",
      tenant: "acme",
      tokenIds: ["one", "two"],
      subjectHash: "",
      issuedBefore: undefined,
      caller: LOOPBACK,
      reason: "stolen",
      until: T + 5,
      subject: "",
    },
    '"tokenRevoked":{"profile":"service","tenant":"acme","tokenIds":["one","two"],"caller":"loopback","reason":"stolen","until":"2026-09-21T14:13:20.005Z","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    {
      type: "token.revoked",
      profile: "service",
      tenant: "",
      tokenIds: [],
      subjectHash: "abcdefghijklmnopqrstuv",
      issuedBefore: T,
      caller: callerNamed(""),
      reason: "",
      until: T,
      subject: "",
    },
    '"tokenRevoked":{"profile":"service","subjectHash":"abcdefghijklmnopqrstuv","issuedBefore":"2026-09-21T14:13:20Z","until":"2026-09-21T14:13:20Z","callerProof":"mtls","callerAddress":"192.0.2.7"}}',
  ],
  [
    {
      type: "key.rotated",
      keyset: "main",
      keysetEpoch: 7,
      added: ["a"],
      removed: ["b", "c"],
      reason: "scheduled",
      caller: LOOPBACK,
      ...NEXT_UNNAMED,
    },
    '"keyRotated":{"keyset":"main","keysetEpoch":"7","added":["a"],"removed":["b","c"],"reason":"scheduled","caller":"loopback","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    {
      ...{ type: "key.rotated", keyset: "", keysetEpoch: 0, added: [], removed: [], reason: "", caller: undefined },
      ...NEXT_UNNAMED,
    },
    '"keyRotated":{}}',
  ],
  [
    {
      type: "key.published",
      keyset: "main",
      profile: "",
      tenant: "",
      keyId: "one",
      algorithm: "EdDSA",
      jwk: { kty: "OKP", crv: "Ed25519", x: "abc", use: "sig", alg: "EdDSA", kid: "one" },
      signsFrom: T,
    },
    '"keyPublished":{"keyset":"main","keyId":"one","algorithm":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"abc","use":"sig","alg":"EdDSA","kid":"one"},"signsFrom":"2026-09-21T14:13:20Z"}}',
  ],
  [
    {
      ...{ type: "key.published", keyset: "", profile: "hivekit", tenant: "acme", keyId: "one", algorithm: "RS256" },
      ...{ jwk: {}, signsFrom: undefined },
    },
    '"keyPublished":{"profile":"hivekit","tenant":"acme","keyId":"one","algorithm":"RS256","jwk":{}}}',
  ],
  [
    {
      type: "key.imported",
      profile: "hivekit",
      tenant: "acme",
      keyId: "one",
      caller: LOOPBACK,
      algorithm: "RS256",
      byteLength: 32,
      fingerprint: "f00d",
      allowedWeak: true,
      overlapUntil: T,
    },
    '"keyImported":{"profile":"hivekit","tenant":"acme","keyId":"one","caller":"loopback","byteLength":32,"fingerprint":"f00d","allowedWeak":true,"overlapUntil":"2026-09-21T14:13:20Z","algorithm":"RS256","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
  ],
  [
    {
      type: "key.imported",
      profile: "hivekit",
      tenant: "",
      keyId: "",
      caller: callerNamed(""),
      algorithm: "",
      byteLength: 0,
      fingerprint: "",
      allowedWeak: false,
      overlapUntil: undefined,
    },
    '"keyImported":{"profile":"hivekit","callerProof":"mtls","callerAddress":"192.0.2.7"}}',
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
      caller: LOOPBACK,
      reason: "leaked",
    },
    '"keyRevoked":{"keyset":"main","keyId":"one","signingKeyId":"two","keysetEpoch":"8","caller":"loopback","reason":"leaked","callerProof":"loopback","callerAddress":"127.0.0.1"}}',
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
      caller: callerNamed(""),
      reason: "",
    },
    '"keyRevoked":{"profile":"hivekit","tenant":"acme","keyId":"one","callerProof":"mtls","callerAddress":"192.0.2.7"}}',
  ],
  [
    {
      type: "configuration.changed",
      configHash: "c0ffee",
      policyDigest: "f00d",
      profiles: ["lobby", "service"],
      disabled: ["arena"],
      replaced: ["hivekit"],
      parts: [],
    },
    '"configurationChanged":{"configHash":"c0ffee","profiles":["lobby","service"],"disabled":["arena"],"replaced":["hivekit"],"policyDigest":"f00d"}}',
  ],
  [
    {
      ...{ type: "configuration.changed", configHash: "", policyDigest: "", profiles: [], disabled: [], replaced: [] },
      parts: [],
    },
    '"configurationChanged":{}}',
  ],
  [
    { type: "service.started", version: "1.0.0", configHash: "c0ffee", acceptedLosses: [] },
    '"serviceStarted":{"version":"1.0.0","configHash":"c0ffee"}}',
  ],
  [{ type: "service.started", version: "", configHash: "", acceptedLosses: [] }, '"serviceStarted":{}}'],
  [{ type: "service.stopped", reason: "SIGTERM" }, '"serviceStopped":{"reason":"SIGTERM"}}'],
  [{ type: "service.stopped", reason: "" }, '"serviceStopped":{}}'],
  // What later versions say besides comes last.
  [
    {
      ...{ type: "token.issued", profile: "service", tokenId: "t-1", keyId: "k-1", caller: LOOPBACK, subjectHash: "h" },
      ...{ audience: [], issuedAt: T, expiresAt: T + 300_000, requestId: "", tenant: "", extended: false },
      ...{ claims: { scope: "read", ws: { allowedCreators: ["a"], n: 0.5 } }, claimsLeftOut: ["limits"] },
      ...{ claimsDigest: "d", profileDigest: "p", ttlSeconds: 300, warnings: ["ALLOW_ALL"], subject: "alice" },
    },
    '"tokenIssued":{"profile":"service","tokenId":"t-1","keyId":"k-1","caller":"loopback","subjectHash":"h","issuedAt":"2026-09-21T14:13:20Z","expiresAt":"2026-09-21T14:18:20Z","callerProof":"loopback","callerAddress":"127.0.0.1","claims":{"scope":"read","ws":{"allowedCreators":["a"],"n":0.5}},"claimsLeftOut":["limits"],"claimsDigest":"d","profileDigest":"p","ttlSeconds":"300","warnings":["ALLOW_ALL"],"subject":"alice"}}',
  ],
  [
    { type: "token.denied", profile: "service", caller: LOOPBACK, reason: "X", count: 2, requestId: "r-1" },
    '"tokenDenied":{"profile":"service","caller":"loopback","reason":"X","count":"2","callerProof":"loopback","callerAddress":"127.0.0.1","requestId":"r-1"}}',
  ],
  [
    {
      ...{ type: "token.rejected", profile: "service", reason: "ALREADY_USED", count: 2 },
      sample: { caller: LOOPBACK, keyId: "k-1", tokenId: "t-1" },
    },
    '"tokenRejected":{"profile":"service","reason":"ALREADY_USED","count":"2","caller":"loopback","callerProof":"loopback","callerAddress":"127.0.0.1","keyId":"k-1","tokenId":"t-1"}}',
  ],
  [
    {
      ...{ type: "key.rotated", keyset: "main", keysetEpoch: 7, added: ["a"], removed: [], reason: "manual" },
      ...{ caller: LOOPBACK, signingKeyId: "b", signsFrom: T },
    },
    '"keyRotated":{"keyset":"main","keysetEpoch":"7","added":["a"],"reason":"manual","caller":"loopback","callerProof":"loopback","callerAddress":"127.0.0.1","signingKeyId":"b","signsFrom":"2026-09-21T14:13:20Z"}}',
  ],
  [
    {
      ...{ type: "configuration.changed", configHash: "c", policyDigest: "p", profiles: [], disabled: [] },
      ...{ replaced: [], parts: ["policy", "grpc.tls"] },
    },
    '"configurationChanged":{"configHash":"c","policyDigest":"p","parts":["policy","grpc.tls"]}}',
  ],
];

for (const [event, detail] of BODIES)
  test(`the body of ${detail.slice(0, 90)} stays byte for byte the same`, (t) => {
    t.is(encodeEvent(ID, T + 123, PLACE, event).toString(), HEAD + detail);
  });

test("a whole second has no fraction, and a writer's first event no hash, but the index 0", (t) => {
  const place = { writer: "w", epoch: 1, seq: 1, prevHash: new Uint8Array(), logIndex: 0 };
  t.is(
    encodeEvent(ID, T, place, { type: "service.stopped", reason: "x" }).toString(),
    `{"eventId":"${ID}","time":"2026-09-21T14:13:20Z","writer":"w","epoch":"1","seq":"1","logIndex":"0","serviceStopped":{"reason":"x"}}`,
  );
});

test("the trace of a call comes last in its event, which is else the same", (t) => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (const [event, detail] of BODIES)
    t.is(
      encodeEvent(ID, T + 123, PLACE, { ...event, traceparent }).toString(),
      `${HEAD}${detail.slice(0, -1)},"traceparent":"${traceparent}"}`,
    );
});
