import type { Fault } from "../config/fault.ts";
import { faultIn, type LoadedProfile } from "./loaded-profile.ts";
import type { Profile } from "./profile.ts";

/**
 * One keyset serves one (issuer, typ) and one algorithm: with two, a token of one profile could be shown as a token of the
 * other (RFC 8725, 3.11 and 3.12).
 */
export function keysetFaults(loaded: readonly LoadedProfile[]): Fault[] {
  const first = new Map<string, LoadedProfile>();
  return loaded.flatMap((one) => {
    const { keys } = one.profile;
    if (keys.kind !== "keyset") return [];
    const other = first.get(keys.keyset);
    if (other === undefined) first.set(keys.keyset, one);
    return other === undefined ? [] : differences(one, other);
  });
}

/** Profiles whose tokens carry the same keys, issuer and typ. */
export interface SharedKeyset {
  readonly keyset: string;
  /** Their names, sorted; at least two. */
  readonly profiles: readonly string[];
}

/**
 * The keysets that several profiles sign with. That is allowed, and worth a warning: a token of one is a token of the others
 * but for what `accept`, the audience and the rules tell apart.
 */
export function sharedKeysets(profiles: Iterable<Profile>): SharedKeyset[] {
  const byKeyset = Map.groupBy(profiles, ({ keys }) => (keys.kind === "keyset" ? keys.keyset : undefined));
  return [...byKeyset].flatMap(([keyset, sharing]) =>
    keyset === undefined || sharing.length < 2 ? [] : [{ keyset, profiles: sharing.map(({ name }) => name).sort() }],
  );
}

function differences(one: LoadedProfile, other: LoadedProfile): readonly Fault[] {
  const [mine, theirs] = [meaning(one), meaning(other)];
  const differing = Object.keys(mine).filter((what) => mine[what] !== theirs[what]);
  if (differing.length === 0) return [];
  const message = `${other.file} uses this keyset with another ${differing.join(" and ")}: one keyset serves one (issuer, typ) and one algorithm`;
  return faultIn(one, ["keys", "keyset"], message);
}

/** What tells the tokens of a keyset apart from others. `typ` is compared without case, as verifying does. */
function meaning({ profile }: LoadedProfile): Readonly<Record<string, string | undefined>> {
  const { issuer, header, keys } = profile;
  return { issuer, typ: header.typ?.toLowerCase(), algorithm: keys.algorithm };
}
