import type { Access } from "../../access/question.ts";
import type { Caller } from "../../caller.ts";
import {
  type AuditKey,
  AuditKeyState,
  type CheckpointRequest,
  type CheckpointResponse,
  type HashSubjectRequest,
  type HashSubjectResponse,
  type ListAuditKeysRequest,
  type ListAuditKeysResponse,
  type RetireWriterRequest,
  type RetireWriterResponse,
  type RotateAuditKeyRequest,
  type RotateAuditKeyResponse,
} from "../../gen/signet/v1/audit_service.ts";
import { identityFault } from "../../problem/field-rules.ts";
import { invalidRequest } from "../../problem/problem.ts";
import type { AuditWriter, AuditWriterState } from "../../replica/audit-writers.ts";
import type { RetireWriter } from "../../replica/retire-writer.ts";
import { hashSubjectQuestion } from "../questions.ts";
import { timestampOfMs } from "../wire/times.ts";

/** The hashes of a subject: under the KEK that seals first, then under earlier ones. */
export type HashSubject = (subject: string) => readonly [string, ...string[]];

/** What the audit service does, in terms of the domain. All but the first throw Problems. */
export interface AuditService {
  readonly hashSubject: HashSubject;
  /** Every writer of the installation. */
  listKeys(): Promise<readonly AuditWriter[]>;
  /** A checkpoint of this replica's log, and whether NATS has it. */
  checkpoint(): Promise<{ readonly note: string; readonly published: boolean }>;
  /** The writer that ends, and the one that begins. */
  rotateKey(request: object, caller: Caller): Promise<{ readonly closed: AuditWriter; readonly begun: AuditWriter }>;
  readonly retireWriter: RetireWriter;
}

/** Handlers of the methods of `AuditService`. */
export function auditHandlers(service: AuditService, access: Access) {
  return {
    hashSubject(request: HashSubjectRequest, caller: Caller): HashSubjectResponse {
      access.admit(caller, hashSubjectQuestion(request));
      const { subject } = request;
      const fault = identityFault(subject);
      if (fault !== undefined) throw invalidRequest([{ field: "subject", description: fault }]);
      const [subjectHash, ...earlierHashes] = service.hashSubject(subject);
      return { subjectHash, earlierHashes };
    },

    async listAuditKeys(_: ListAuditKeysRequest, caller: Caller): Promise<ListAuditKeysResponse> {
      access.admit(caller, { method: "ListAuditKeys" });
      return { keys: (await service.listKeys()).map(keyMessage) };
    },

    async checkpoint(_: CheckpointRequest, caller: Caller): Promise<CheckpointResponse> {
      access.admit(caller, { method: "Checkpoint" });
      return service.checkpoint();
    },

    async rotateAuditKey(request: RotateAuditKeyRequest, caller: Caller): Promise<RotateAuditKeyResponse> {
      access.admit(caller, { method: "RotateAuditKey" });
      const { closed, begun } = await service.rotateKey(request, caller);
      return { closed: keyMessage(closed), begun: keyMessage(begun) };
    },

    async retireWriter(request: RetireWriterRequest, caller: Caller): Promise<RetireWriterResponse> {
      access.admit(caller, { method: "RetireWriter" });
      return { key: keyMessage(await service.retireWriter(request, caller)) };
    },
  };
}

const STATES: Readonly<Record<AuditWriterState, AuditKeyState>> = {
  active: AuditKeyState.AUDIT_KEY_STATE_ACTIVE,
  closed: AuditKeyState.AUDIT_KEY_STATE_CLOSED,
  retired: AuditKeyState.AUDIT_KEY_STATE_RETIRED,
};

function keyMessage({ writer, origin, verifierKey, state, registeredAt, endedAt }: AuditWriter): AuditKey {
  const times = { registeredAt: timestampOfMs(registeredAt), endedAt: timestampOfMs(endedAt) };
  return { writer, origin, verifierKey, state: STATES[state], ...times };
}
