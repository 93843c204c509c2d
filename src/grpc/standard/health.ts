import type { Server } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { addLibraryService } from "./library-services.ts";

/**
 * What the health of a service depends on: that calls are answered, that tokens can be verified, that sessions can be
 * held too, or that tokens can be issued.
 */
export type Ability = "answer" | "verify" | "hold" | "issue";

/** Issuing has a health of its own, because verifying outlasts it. */
export const ISSUING = "signet.v1.TokenService/IssueToken";

/** The service names of `grpc.health.v1`: "", each service, and {@link ISSUING}. */
const HEALTH_NAMES: Readonly<Record<Ability, readonly string[]>> = {
  answer: [
    "signet.v1.ProfileService",
    "signet.v1.AuditService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ],
  verify: ["", "signet.v1.TokenService", "signet.v1.KeyService"],
  hold: ["signet.v1.SessionService"],
  issue: [ISSUING],
};

/** At the beginning calls are answered, and no token can be verified. */
const AT_FIRST: Readonly<Record<Ability, boolean>> = { answer: true, verify: false, hold: false, issue: false };

export type SetHealth = (ability: Ability, serving: boolean) => void;

/** Adds the health service. Returns its methods that stream, and what changes its answers. */
export function addHealth(server: Server): { readonly streaming: readonly string[]; readonly setHealth: SetHealth } {
  const health = new HealthImplementation({});
  const setHealth: SetHealth = (ability, serving) => {
    for (const name of HEALTH_NAMES[ability]) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  };
  for (const ability of Object.keys(AT_FIRST) as Ability[]) setHealth(ability, AT_FIRST[ability]);
  return { streaming: addLibraryService(server, health), setHealth };
}
