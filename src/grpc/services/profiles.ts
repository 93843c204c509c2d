import type {
  GetProfileRequest,
  GetProfileResponse,
  ListProfilesResponse,
  ProfileCarrier,
  ProfileLifetime,
  Profile as ProfileMessage,
  ProfileRule,
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
import { durationOfSeconds } from "../wire/times.ts";

/** Handlers of the methods of `ProfileService`. */
export function profileHandlers(profiles: () => ReadonlyMap<string, Profile>) {
  return {
    listProfiles: (): ListProfilesResponse => ({
      profiles: [...profiles().values()].map(summary).sort((left, right) => (left.name < right.name ? -1 : 1)),
    }),

    getProfile: ({ profile: name }: GetProfileRequest): GetProfileResponse => {
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
  const { keys, header, schemas, quarantine } = profile;
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
  };
}

function algorithmsOf(keys: Profile["keys"]): readonly Algorithm[] {
  return keys.kind === "keyset" ? [keys.algorithm] : keys.algorithms;
}

function lifetimeMessage(lifetime: Profile["lifetime"]): ProfileLifetime {
  const { exp, extended, maxAge } = lifetime;
  // Without an exp there is no ttl to choose.
  const ttl = (seconds: number | undefined) => (exp === "absent" ? undefined : optional(seconds));
  return {
    exp,
    defaultTtl: ttl(lifetime.default),
    minTtl: ttl(lifetime.min),
    maxTtl: ttl(lifetime.max),
    extendedMaxTtl: ttl(extended?.max),
    extendedBy: extended?.by ?? "",
    maxAge: optional(maxAge),
    leeway: durationOfSeconds(lifetime.leeway),
    skew: durationOfSeconds(lifetime.skew),
    ttlFrom: lifetime.ttlFrom ?? "",
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

function optional(seconds: number | undefined) {
  return seconds === undefined ? undefined : durationOfSeconds(seconds);
}
