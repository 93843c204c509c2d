import type { KeysetAlgorithm } from "../keys/model.ts";
import type { KeyPolicy } from "../keys/rotating/policy.ts";
import { formatDuration } from "../schema/duration.ts";
import type { Fault, Path } from "../schema/fault.ts";
import { parseYaml } from "../schema/yaml.ts";
import type { Profile } from "./model/profile.ts";
import { mediaType } from "./token-types.ts";

/** A rotating keyset that profiles name. */
export interface Keyset {
  readonly name: string;
  readonly algorithm: KeysetAlgorithm;
  readonly policy: KeyPolicy;
}

/** Profiles that were checked together, by name, and their rotating keysets. */
export interface ProfileSet {
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly keysets: readonly Keyset[];
  /** The keysets that only profiles out of service name: their keys are published until no token of them is valid. */
  readonly retired: readonly Keyset[];
}

/** A profile with its file. */
export interface LoadedProfile {
  readonly file: string;
  readonly text: string;
  readonly profile: Profile;
}

/** A fault that appears only in comparison with other files, at its line. */
export function faultIn({ file, text }: LoadedProfile, path: Path, message: string): readonly Fault[] {
  const document = parseYaml(text, file);
  return Array.isArray(document) ? document : [document.faultAt(path, message)];
}

/**
 * One keyset serves one (issuer, typ) and one algorithm: with two, a token of one profile could be presented as a token
 * of the other (RFC 8725, 3.11 and 3.12).
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

function differences(one: LoadedProfile, other: LoadedProfile): readonly Fault[] {
  const [mine, theirs] = [identity(one), identity(other)];
  const differing = Object.keys(mine).filter((what) => mine[what] !== theirs[what]);
  if (differing.length === 0) return [];
  const difference = `${other.file} uses this keyset with a different ${differing.join(" and ")}`;
  return faultIn(one, ["keys", "keyset"], `${difference}: one keyset serves one (issuer, typ) and one algorithm`);
}

/**
 * A token of another profile must not pass as a credential, and a credential belongs to one profile (RFC 8725, 3.11 and
 * 3.12): its `typ`, and with it its keyset, is that of no other profile.
 */
export function credentialFaults(loaded: readonly LoadedProfile[]): Fault[] {
  return loaded.flatMap((one) => {
    const typ = typeOf(one);
    const other = loaded.find((each) => each !== one && typ !== undefined && typeOf(each) === typ);
    if (one.profile.credential === undefined || other === undefined) return [];
    return faultIn(one, ["header", "typ"], `is also the typ of ${other.file}: a credential must have one of its own`);
  });
}

/** What distinguishes the tokens of a keyset from others. `typ` is compared as in verifying. */
function identity({ profile }: LoadedProfile): Readonly<Record<string, string | undefined>> {
  const { issuer, keys } = profile;
  return {
    issuer,
    typ: typeOf({ profile }),
    algorithm: keys.kind === "keyset" ? keys.algorithm : undefined,
  };
}

function typeOf({ profile: { header } }: Pick<LoadedProfile, "profile">): string | undefined {
  return header.typ && mediaType(header.typ);
}

/** Profiles whose tokens have the same keys, issuer and typ. */
export interface SharedKeyset {
  readonly keyset: string;
  /** Their names, sorted; at least two. */
  readonly profiles: readonly string[];
}

/**
 * The keysets with which several profiles sign. This is allowed but deserves a warning: a token of one profile is a
 * token of the others, unless `accept`, the audience or the rules distinguish them.
 */
export function sharedKeysets(profiles: Iterable<Profile>): SharedKeyset[] {
  const byKeyset = Map.groupBy(profiles, ({ keys }) => (keys.kind === "keyset" ? keys.keyset : undefined));
  return [...byKeyset].flatMap(([keyset, sharing]) =>
    keyset === undefined || sharing.length < 2 ? [] : [{ keyset, profiles: sharing.map(({ name }) => name).sort() }],
  );
}

/**
 * The wanted keysets that a running service can't adopt. Its rings are opened at the start, with times for the longest
 * ttl of that moment. A keyset that no profile names any more is harmless and disappears with the next start.
 */
export function restartFaults(running: readonly Keyset[], wanted: readonly Keyset[]): Fault[] {
  return wanted.flatMap((keyset) => {
    const message = restartReason(
      running.find(({ name }) => name === keyset.name),
      keyset,
    );
    if (message === undefined) return [];
    return [{ file: `keyset ${keyset.name}`, path: "", message: `${message}: restart the service` }];
  });
}

function restartReason(open: Keyset | undefined, { algorithm, policy }: Keyset): string | undefined {
  if (open === undefined) return "is not open in the running service";
  if (open.algorithm !== algorithm) return `signs with ${open.algorithm} in the running service`;
  if (policy.maxTtl <= open.policy.maxTtl) return undefined;
  return `rotates in the running service for tokens of at most ${formatDuration(open.policy.maxTtl)}`;
}
