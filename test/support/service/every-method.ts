import type { Client, MethodDefinition } from "@grpc/grpc-js";
import { AuditServiceService } from "../../../src/gen/signet/v1/audit_service.ts";
import { KeyServiceService } from "../../../src/gen/signet/v1/keys.ts";
import { ProfileServiceService } from "../../../src/gen/signet/v1/profiles.ts";
import { SessionServiceService } from "../../../src/gen/signet/v1/session.ts";
import { TokenServiceService } from "../../../src/gen/signet/v1/token.ts";

type Method = MethodDefinition<unknown, unknown>;

const METHODS = [
  TokenServiceService,
  KeyServiceService,
  ProfileServiceService,
  SessionServiceService,
  AuditServiceService,
].flatMap((service) => Object.values(service) as Method[]);

/** Every method of the contract that answers one request. */
export const SINGLE_METHODS = METHODS.filter(({ path }) => !path.includes("/Batch"));
export const BATCH_METHODS = METHODS.filter((method) => !SINGLE_METHODS.includes(method));
/** A batch whose only item is empty: field 1, of no bytes. */
export const ONE_ITEM = Buffer.from([0x0a, 0x00]);

/** Sends these bytes as a request. Resolves with the answer, or with the first message of a stream. */
export function callWith(client: Client, method: Method, bytes: Buffer): Promise<unknown> {
  const same = (message: Buffer) => message;
  const { path, responseStream, responseDeserialize } = method;
  return new Promise<unknown>((resolve, reject) => {
    if (responseStream) {
      client.makeServerStreamRequest(path, same, same, bytes).on("data", resolve).on("error", reject);
      return;
    }
    client.makeUnaryRequest(path, same, same, bytes, (error, answer) =>
      error ? reject(error) : resolve(responseDeserialize(answer ?? Buffer.alloc(0))),
    );
  });
}
