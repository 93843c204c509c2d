import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  type status,
} from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";
import {
  AuditServiceService,
  CheckpointResponse,
  HashSubjectResponse,
  ListAuditKeysResponse,
  RetireWriterResponse,
  RotateAuditKeyResponse,
} from "../../src/gen/signet/v1/audit_service.ts";
import {
  GetJwksResponse,
  ImportKeyResponse,
  KeyServiceService,
  ListKeysResponse,
  PlanRotationResponse,
  RevokeKeyResponse,
  RotateKeysResponse,
} from "../../src/gen/signet/v1/keys.ts";
import { GetProfileResponse, ListProfilesResponse, ProfileServiceService } from "../../src/gen/signet/v1/profiles.ts";
import { ListSessionsResponse, SessionServiceService } from "../../src/gen/signet/v1/session.ts";
import {
  IssueTokenResponse,
  RevokeTokensResponse,
  TokenServiceService,
  VerifyTokenResponse,
} from "../../src/gen/signet/v1/token.ts";

interface Answers {
  issueToken?: Partial<IssueTokenResponse> | Refusal | "silence";
  verifyToken?: Partial<VerifyTokenResponse> | Refusal;
  revokeTokens?: Partial<RevokeTokensResponse> | Refusal;
  listKeys?: Partial<ListKeysResponse> | Refusal;
  importKey?: Partial<ImportKeyResponse> | Refusal;
  planRotation?: Partial<PlanRotationResponse> | Refusal;
  rotateKeys?: Partial<RotateKeysResponse> | Refusal;
  revokeKey?: Partial<RevokeKeyResponse> | Refusal;
  listProfiles?: Partial<ListProfilesResponse> | Refusal;
  getProfile?: Partial<GetProfileResponse> | Refusal;
  hashSubject?: Partial<HashSubjectResponse> | Refusal;
  listAuditKeys?: Partial<ListAuditKeysResponse> | Refusal;
  checkpoint?: Partial<CheckpointResponse> | Refusal;
  rotateAuditKey?: Partial<RotateAuditKeyResponse> | Refusal;
  retireWriter?: Partial<RetireWriterResponse> | Refusal;
  listSessions?: readonly Partial<ListSessionsResponse>[];
}

/** A gRPC error with details, as the service sends it. */
export class Refusal {
  readonly code: status;
  readonly message: string;
  readonly details: { typeUrl: string; value: Buffer }[];
  constructor(code: status, message: string, details: { typeUrl: string; value: Buffer }[] = []) {
    this.code = code;
    this.message = message;
    this.details = details;
  }
}

export const errorInfo = (reason: string) => packed("ErrorInfo", ErrorInfo.encode(ErrorInfo.fromPartial({ reason })));
export const retryInfo = (seconds: bigint, nanos: number) =>
  packed("RetryInfo", RetryInfo.encode(RetryInfo.fromPartial({ retryDelay: { seconds, nanos } })));
export const badRequest = (...fieldViolations: { field: string; description: string }[]) =>
  packed("BadRequest", BadRequest.encode(BadRequest.fromPartial({ fieldViolations })));

/** Serves fixed answers on a random loopback port, and records the requests and their `authorization`. */
export async function fakeService(
  answers: Answers,
  address = "127.0.0.1:0",
  security = ServerCredentials.createInsecure(),
) {
  const requests: unknown[] = [];
  const authorizations: unknown[] = [];
  const server = new Server();
  const handler =
    <A>(answer: A | Refusal | "silence") =>
    (call: ServerUnaryCall<unknown, A>, callback: sendUnaryData<A>) => {
      requests.push(call.request);
      authorizations.push(...call.metadata.get("authorization"));
      if (answer === "silence") return;
      if (answer instanceof Refusal) callback(serviceError(answer));
      else callback(null, answer);
    };
  const issued = answers.issueToken ?? {};
  const verified = answers.verifyToken ?? {};
  const listed = answers.listKeys ?? {};
  server.addService(TokenServiceService, {
    issueToken: handler(fill(issued, IssueTokenResponse.fromPartial)),
    verifyToken: handler(fill(verified, VerifyTokenResponse.fromPartial)),
    revokeTokens: handler(fill(answers.revokeTokens ?? {}, RevokeTokensResponse.fromPartial)),
  });
  server.addService(KeyServiceService, {
    listKeys: handler(fill(listed, ListKeysResponse.fromPartial)),
    getJwks: handler(GetJwksResponse.fromPartial({})),
    importKey: handler(fill(answers.importKey ?? {}, ImportKeyResponse.fromPartial)),
    planRotation: handler(fill(answers.planRotation ?? {}, PlanRotationResponse.fromPartial)),
    rotateKeys: handler(fill(answers.rotateKeys ?? {}, RotateKeysResponse.fromPartial)),
    revokeKey: handler(fill(answers.revokeKey ?? {}, RevokeKeyResponse.fromPartial)),
  });
  server.addService(ProfileServiceService, {
    listProfiles: handler(fill(answers.listProfiles ?? {}, ListProfilesResponse.fromPartial)),
    getProfile: handler(fill(answers.getProfile ?? {}, GetProfileResponse.fromPartial)),
  });
  server.addService(AuditServiceService, {
    hashSubject: handler(fill(answers.hashSubject ?? {}, HashSubjectResponse.fromPartial)),
    listAuditKeys: handler(fill(answers.listAuditKeys ?? {}, ListAuditKeysResponse.fromPartial)),
    checkpoint: handler(fill(answers.checkpoint ?? {}, CheckpointResponse.fromPartial)),
    rotateAuditKey: handler(fill(answers.rotateAuditKey ?? {}, RotateAuditKeyResponse.fromPartial)),
    retireWriter: handler(fill(answers.retireWriter ?? {}, RetireWriterResponse.fromPartial)),
  });
  const pages = [...(answers.listSessions ?? [])];
  server.addService(SessionServiceService, {
    listSessions: (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) =>
      handler(ListSessionsResponse.fromPartial(pages.shift() ?? {}))(call, callback),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, security, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  const bound = address.startsWith("unix:") ? address : `127.0.0.1:${port}`;
  return {
    address: bound,
    env: { SIGNET_ADDRESS: bound },
    requests,
    authorizations,
    stop: () => server.forceShutdown(),
  };
}

function fill<A>(answer: Partial<A> | Refusal | "silence", complete: (answer: never) => A): A | Refusal | "silence" {
  return answer instanceof Refusal || answer === "silence" ? answer : complete(answer as never);
}

function packed(name: string, writer: { finish(): Uint8Array }) {
  return { typeUrl: `type.googleapis.com/google.rpc.${name}`, value: Buffer.from(writer.finish()) };
}

function serviceError({ code, message, details }: Refusal) {
  const metadata = new Metadata();
  const encoded = Status.encode(Status.fromPartial({ code, message, details })).finish();
  if (details.length > 0) metadata.set("grpc-status-details-bin", Buffer.from(encoded));
  return { code, details: message, metadata };
}
