import type { Access } from "../../access/question.ts";
import type { Caller } from "../../caller.ts";
import type {
  GetProfileRequest,
  GetProfileResponse,
  ListProfilesRequest,
  ListProfilesResponse,
  ProfileCarrier,
  ProfileLifetime,
  Profile as ProfileMessage,
  ProfileRule,
  ProfileSessions,
  ProfileSummary,
  ProfileSurface,
} from "../../gen/signet/v1/profiles.ts";
import type { Algorithm } from "../../keys/model.ts";
import { unknownProfile } from "../../problem/problem.ts";
import {
  type CarrierView,
  describeCarrier,
  describeClaim,
  describeSurfaces,
  type SurfaceView,
} from "../../profile/describe.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { Rule, WarningRule } from "../../profile/model/rules.ts";
import type { SessionRule } from "../../profile/model/sessions.ts";
import { durationOfSeconds, optionalDuration } from "../wire/times.ts";

/** Handlers of the methods of `ProfileService`. */
export function profileHandlers(profiles: () => ReadonlyMap<string, Profile>, access: Access) {
  return {
    listProfiles(_: ListProfilesRequest, caller: Caller): ListProfilesResponse {
      access.admit(caller, { method: "ListProfiles" });
      const mayRead = ({ name }: Profile) => access.allows(caller, { method: "GetProfile", profile: name });
      const summaries = [...profiles().values()].filter(mayRead).map(summary);
      return { profiles: summaries.sort((left, right) => (left.name < right.name ? -1 : 1)) };
    },

    getProfile({ profile: name }: GetProfileRequest, caller: Caller): GetProfileResponse {
      access.admit(caller, { method: "GetProfile", profile: name });
      const profile = profiles().get(name);
      if (profile === undefined) throw unknownProfile(name);
      return { profile: profileMessage(profile) };
    },
  };
}

function summary({ name, description, keys, digest }: Profile): ProfileSummary {
  return { name, description, algorithm: algorithmsOf(keys)[0] ?? "", digest };
}

function profileMessage(profile: Profile): ProfileMessage {
  const { keys, header, schemas, quarantine, metering } = profile;
  return {
    name: profile.name,
    description: profile.description,
    digest: profile.digest,
    issuer: profile.issuer ?? "",
    tenantIsIssuer: profile.tenantIsIssuer,
    tenantRequired: profile.tenant !== undefined,
    tenantClaim: profile.tenant?.claim ?? "",
    audienceRequired: profile.hasAudience,
    subjectClaim: profile.subjectClaim,
    emptySubject: profile.emptySubject,
    credentialAudience: profile.credential?.audience ?? "",
    header: {
      typ: header.typ ?? "",
      kidRequired: header.kid === "required",
      parameters: header.parameters,
      acceptedTyp: header.types.accepted.map((typ) => typ ?? ""),
    },
    keys: {
      algorithm: algorithmsOf(keys)[0] ?? "",
      keyset: keys.kind === "keyset" ? keys.keyset : "",
      encoding: keys.kind === "imported" ? (keys.encoding ?? "") : "",
      algorithms: [...algorithmsOf(keys)],
    },
    lifetime: lifetimeMessage(profile.lifetime),
    sessions: profile.sessions && sessionsMessage(profile.sessions),
    oneTime: profile.oneTime,
    audit: { claims: [...profile.audit.claims], subject: profile.audit.subject, mode: profile.audit.mode },
    requestSchema: { ...schemas.request },
    acceptSchema: { ...schemas.accept },
    contextSchema: schemas.context && { ...schemas.context },
    claims: profile.claims.map(describeClaim),
    aliases: profile.aliases.map(({ claim, names }) => ({ claim, names: [...names] })),
    carriers: profile.carriers.map((carrier) => carrierMessage(describeCarrier(carrier))),
    rules: profile.rules.map(ruleMessage),
    warnings: profile.warnings.map(warningMessage),
    ipMode: profile.ip?.mode ?? "off",
    surfaces: describeSurfaces(profile.surfaces).map(surfaceMessage),
    quarantine: quarantine && {
      deadline: durationOfSeconds(quarantine.deadlineSeconds),
      maxFailures: quarantine.maxFailures,
    },
    metering:
      metering.clientIp === undefined && metering.subject === undefined
        ? undefined
        : { clientIp: metering.clientIp, subject: metering.subject },
  };
}

function algorithmsOf(keys: Profile["keys"]): readonly Algorithm[] {
  return keys.kind === "keyset" ? [keys.algorithm] : keys.algorithms;
}

function lifetimeMessage(lifetime: Profile["lifetime"]): ProfileLifetime {
  const { exp, extended, maxAge } = lifetime;
  // Without an exp there is no ttl to choose.
  const ttl = (seconds: number | undefined) => (exp === "absent" ? undefined : optionalDuration(seconds));
  return {
    exp,
    defaultTtl: ttl(lifetime.default),
    minTtl: ttl(lifetime.min),
    maxTtl: ttl(lifetime.max),
    extendedMaxTtl: ttl(extended?.max),
    extendedBy: extended?.by ?? "",
    maxAge: optionalDuration(maxAge),
    leeway: durationOfSeconds(lifetime.leeway),
    skew: durationOfSeconds(lifetime.skew),
    ttlFrom: lifetime.ttlFrom ?? "",
    sessionMax: optionalDuration(lifetime.sessionMax),
    idleMax: optionalDuration(lifetime.idleMax),
  };
}

function sessionsMessage({ limit, by }: SessionRule): ProfileSessions {
  return {
    limitClaim: typeof limit === "object" ? limit.join(".") : "",
    maxSessions: typeof limit === "number" ? limit : 0,
    countedBy: typeof by === "object" ? by.join(".") : by,
  };
}

function carrierMessage({ maxLength, ...carrier }: CarrierView): ProfileCarrier {
  return { ...carrier, maxBytes: maxLength };
}

function ruleMessage({ expression, reason, message }: Rule): ProfileRule {
  return { expression, reason, message };
}

function warningMessage({ expression, code, message }: WarningRule): ProfileRule {
  return { expression, reason: code, message };
}

function surfaceMessage({ reason, ...surface }: SurfaceView): ProfileSurface {
  return {
    reason,
    httpStatus: surface.httpStatus ?? 0,
    wwwAuthenticate: surface.wwwAuthenticate ?? "",
    websocketCloseCode: surface.closeCode ?? 0,
    websocketCloseReason: surface.closeReason ?? "",
    frame: surface.frame ?? "",
  };
}
