import { randomUUID } from "node:crypto";
import type {
  IssueTokenRequest,
  IssueTokenResponse,
  VerifyTokenRequest,
  VerifyTokenResponse,
} from "../../src/gen/signet/v1/token.ts";

/** The claims of the `service` profile (RFC 9068), so that every peer signs as many bytes as the service. */
export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly client_id: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
}

const LIFETIME_SECONDS = 300;

export function claimsFor(request: Pick<IssueTokenRequest, "subject" | "audience">): Claims {
  const issuedAt = Math.floor(Date.now() / 1000);
  return {
    iss: "https://signet.example",
    sub: request.subject,
    aud: request.audience[0] ?? "",
    client_id: "loopback",
    iat: issuedAt,
    exp: issuedAt + LIFETIME_SECONDS,
    jti: randomUUID(),
  };
}

/** The token of a request. The peers do not support carriers. */
export function tokenOf({ credential }: VerifyTokenRequest): string {
  return credential?.$case === "token" ? credential.value : "";
}

export function issuedAnswer(token: string, keyId: string, claims: Claims): IssueTokenResponse {
  return {
    token,
    tokenId: claims.jti,
    keyId,
    profile: "service",
    issuedAt: new Date(claims.iat * 1000),
    expiresAt: new Date(claims.exp * 1000),
    refreshAfter: new Date((claims.iat + LIFETIME_SECONDS * 0.8) * 1000),
    claims: { ...claims },
    warnings: [],
    sessionMax: undefined,
    idleMax: undefined,
  };
}

export function validAnswer(keyId: string, claims: Claims): VerifyTokenResponse {
  return {
    valid: true,
    rejection: undefined,
    claims: { ...claims },
    tokenId: claims.jti,
    subject: claims.sub,
    profile: "service",
    keyId,
    issuedAt: new Date(claims.iat * 1000),
    expiresAt: new Date(claims.exp * 1000),
    sessionDeadline: undefined,
    warnings: [],
    diagnosis: "",
    keyringGeneration: 1n,
    revocationViewAge: undefined,
    frame: "",
    idleMax: undefined,
  };
}
