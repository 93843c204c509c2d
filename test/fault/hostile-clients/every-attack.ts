import { ATTACKS, type Attack } from "./attacks.ts";
import { HANDSHAKE_ATTACKS } from "./handshake-attacks.ts";

export const ALL_ATTACKS = { ...ATTACKS, ...HANDSHAKE_ATTACKS } as const satisfies Readonly<Record<string, Attack>>;

export type AttackName = keyof typeof ALL_ATTACKS;

/** Who attacks: over plaintext, or over TLS without a certificate, or with one for which the policy has no rule. */
export type Intruder = "local" | "unproven" | "unlisted";

export const FROM: Readonly<Record<Intruder, string>> = {
  local: "over plaintext",
  unproven: "over TLS without a certificate",
  unlisted: "over TLS by a client that may do nothing",
};

/** Each attack by each intruder; those on handshakes need no certificate. */
export function* everyAttack(): Generator<readonly [AttackName, Intruder]> {
  for (const intruder of ["local", "unproven", "unlisted"] as const)
    for (const name of Object.keys(ATTACKS) as AttackName[]) yield [name, intruder];
  for (const name of Object.keys(HANDSHAKE_ATTACKS) as AttackName[]) yield [name, "unproven"];
}
