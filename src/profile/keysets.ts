import type { KeysetAlgorithm } from "../keys/model.ts";
import type { KeyPolicy } from "../keys/rotating/policy.ts";
import { formatDuration } from "../schema/duration.ts";
import type { Fault } from "../schema/fault.ts";
import { parseYaml } from "../schema/yaml.ts";
import type { Profile } from "./model/profile.ts";

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

/** A profile with the file that it came from. */
export interface LoadedProfile {
  readonly file: string;
  readonly text: string;
  readonly profile: Profile;
}

/** A fault that shows only beside other files, at its line. */
export function faultIn({ file, text }: LoadedProfile, path: readonly string[], message: string): readonly Fault[] {
  const document = parseYaml(text, file);
  return Array.isArray(document) ? document : [document.faultAt(path, message)];
}

/** A rotating keyset that profiles name. */
export interface Keyset {
  readonly name: string;
  readonly algorithm: KeysetAlgorithm;
  readonly policy: KeyPolicy;
}

/** Profiles that were checked together, by name, and the rotating keysets that they name. */
export interface ProfileSet {
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly keysets: readonly Keyset[];
}

/**
 * What of the wanted keysets a running service can't take over: its rings are opened at the start, with the times that the
 * longest ttl of then asks for. A keyset that no profile names any more does no harm, and goes with the next start.
 */
export function restartFaults(running: readonly Keyset[], wanted: readonly Keyset[]): Fault[] {
  return wanted.flatMap(({ name, algorithm, policy }) => {
    const held = running.find((keyset) => keyset.name === name);
    const message = held === undefined ? "is not held by the running service" : difference(held, { algorithm, policy });
    return message === undefined
      ? []
      : [{ file: `keyset ${name}`, path: "", message: `${message}: restart the service` }];
  });
}

function difference(held: Keyset, wanted: Omit<Keyset, "name">): string | undefined {
  if (held.algorithm !== wanted.algorithm) return `signs with ${held.algorithm} in the running service`;
  if (wanted.policy.maxTtl <= held.policy.maxTtl) return undefined;
  return `rotates in the running service for tokens of at most ${formatDuration(held.policy.maxTtl)}`;
}
