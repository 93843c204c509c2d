import { isDeepStrictEqual } from "node:util";
import { createFileRegistry, type DescField, type DescMessage, fromBinary, ScalarType } from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";
import test from "ava";
import { AuditServiceService } from "../../../src/gen/signet/v1/audit_service.ts";
import { KeyServiceService } from "../../../src/gen/signet/v1/keys.ts";
import { ProfileServiceService } from "../../../src/gen/signet/v1/profiles.ts";
import { SessionServiceService } from "../../../src/gen/signet/v1/session.ts";
import { TokenServiceService } from "../../../src/gen/signet/v1/token.ts";
import { requestDecoder } from "../../../src/grpc/wire/decode-request.ts";
import { Problem } from "../../../src/problem/problem.ts";
import { loadContract, methodOf } from "../../../src/protobuf/contract.ts";
import { mutatedMessage } from "../../support/protobuf/mutated-messages.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";

type Plain = Record<string, unknown>;
type Decode = (bytes: Buffer) => unknown;

const registry = createFileRegistry(loadContract());
const methods = [
  TokenServiceService,
  KeyServiceService,
  ProfileServiceService,
  SessionServiceService,
  AuditServiceService,
].flatMap((service) => Object.values(service) as MethodDefinition<unknown, never>[]);

/** What a message says, in one form for both libraries. */
function plain(type: DescMessage, message: Plain): unknown {
  const { seconds, nanos } = message;
  if (type.typeName === "google.protobuf.Timestamp")
    return message instanceof Date
      ? message.getTime()
      : new Date(Number(seconds) * 1000 + Number(nanos) / 1e6).getTime();
  // Both libraries make it a plain object.
  if (type.typeName === "google.protobuf.Struct") return message;
  return [
    ...type.fields.filter(({ oneof }) => !oneof).map((field) => plainField(field, message[field.localName])),
    ...type.oneofs.map(({ localName, fields }) => {
      const { case: theirs, $case: ours, value } = (message[localName] ?? {}) as Plain;
      const field = fields.find(({ localName: name }) => name === (theirs ?? ours));
      return field && [field.name, plainField(field, value)];
    }),
  ];
}

function plainField(field: DescField, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (field.fieldKind === "list")
    return (value as unknown[]).map((item) => (field.message ? plain(field.message, item as Plain) : item));
  if (field.message) return plain(field.message, value as Plain);
  return field.scalar === ScalarType.BYTES ? Buffer.from(value as Uint8Array).toString("hex") : value;
}

/** What the decoder accepts, and the other library refuses or reads in another way; undefined for an agreement. */
function disagreement(type: DescMessage, decode: Decode, bytes: Buffer): "refused" | string | undefined {
  let ours: unknown;
  try {
    ours = plain(type, decode(bytes) as Plain);
  } catch (error) {
    return error instanceof Problem && error.code !== "UNDECODABLE" ? error.code : "refused";
  }
  try {
    const theirs = plain(type, fromBinary(type, bytes) as unknown as Plain);
    return isDeepStrictEqual(ours, theirs) ? undefined : "it reads another value";
  } catch (error) {
    return `it refuses: ${error}`;
  }
}

test("what Signet accepts, @bufbuild/protobuf accepts and reads in the same way, for every method", (t) => {
  boundByRounds(t);
  const random = seededRandom(t);
  for (const method of methods) {
    const type = methodOf(registry, method.path).input;
    const strict = requestDecoder(method, registry);
    let accepted = 0;
    const count = rounds(type.fields.length > 0 ? 600 : 60);
    for (let round = 0; round < count; round += 1) {
      const bytes = mutatedMessage(type, random);
      const found = disagreement(type, strict, bytes);
      if (found === undefined) accepted += 1;
      else if (found !== "refused") t.fail(`${method.path} ${bytes.toString("hex")}: ${found}`);
    }
    t.log(`${method.path}: ${accepted} of ${count} accepted`);
    t.true(accepted > count / 20 && (accepted < count || type.fields.length === 0), method.path);
  }
});

test("negative control: the generated decoders alone disagree with it", (t) => {
  const random = seededRandom(t);
  const { path, requestDeserialize } = TokenServiceService.issueToken;
  const type = methodOf(registry, path).input;
  const found = Map.groupBy(
    Array.from({ length: 600 }, () => disagreement(type, requestDeserialize, mutatedMessage(type, random))),
    (what) => what ?? "agreed",
  );
  t.true((found.get("it reads another value")?.length ?? 0) > 0, "values");
  t.true(
    [...found.keys()].some((what) => what.startsWith("it refuses")),
    "refusals",
  );
});
