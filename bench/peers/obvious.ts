import { generateKeyPair, jwtVerify, SignJWT } from "jose";
import { connect, StringCodec } from "nats";
import { type Claims, claimsFor, issuedAnswer, tokenOf, validAnswer } from "./messages.ts";
import { asyncHandler, serve } from "./serve.ts";

const KEY_ID = "benchmark-key-01";
const SUBJECT = "obvious.token.issued";

const connection = await connect({ servers: process.argv[2] ?? "127.0.0.1:4222" });
const manager = await connection.jetstreamManager();
await manager.streams.add({ name: "OBVIOUS", subjects: [SUBJECT] });
const stream = connection.jetstream();
const text = StringCodec();
const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });

serve({
  issueToken: asyncHandler(async (request) => {
    const claims = claimsFor(request);
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: KEY_ID })
      .sign(privateKey);
    const event = { type: "token.issued", tokenId: claims.jti, keyId: KEY_ID, profile: "service", time: claims.iat };
    await stream.publish(SUBJECT, text.encode(JSON.stringify(event)));
    return issuedAnswer(token, KEY_ID, claims);
  }),
  verifyToken: asyncHandler(async (request) => {
    const { payload } = await jwtVerify<Claims>(tokenOf(request), publicKey, {
      algorithms: ["EdDSA"],
      typ: "at+jwt",
      issuer: "https://signet.example",
      audience: request.audience,
    });
    return validAnswer(KEY_ID, payload);
  }),
});
