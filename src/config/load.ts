import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brokenBounds, type KeyPolicy, keyPolicy } from "../keys/rotating/policy.ts";
import { loadProfiles } from "../profile/load.ts";
import { longestLifetime, type Profile } from "../profile/model/profile.ts";
import { durationMs, formatDuration } from "../schema/duration.ts";
import { ConfigError, type Fault } from "../schema/fault.ts";
import { compileSchema } from "../schema/schema.ts";
import { parseYaml, type YamlDocument } from "../schema/yaml.ts";
import { isLoopback } from "./checks.ts";
import type { Config } from "./config.ts";
import { dropEmptySections, overrideFromEnvironment, variableName } from "./environment.ts";
import { CONFIG_SCHEMA, type RawConfig } from "./schema.ts";

const check = compileSchema(CONFIG_SCHEMA, { defaults: true });
/** The folder of the profiles that ship. */
export const SHIPPED_PROFILES = fileURLToPath(new URL("../../profiles", import.meta.url));

/** Where to read from. Without a file all keys have their defaults. */
export interface ConfigSource {
  readonly file?: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Reads the configuration, its overrides and the profiles, and checks all of it together.
 *
 * @throws ConfigError with every fault, each with its file, line and path.
 */
export function loadConfig({ file, env }: ConfigSource): Config {
  const document = readDocument(file);
  const data = (document?.data ?? {}) as Record<string, unknown>;
  const source = faultSource(file, document, env);
  const faults: Fault[] = [];
  if (typeof data === "object" && !Array.isArray(data)) {
    dropEmptySections(data, CONFIG_SCHEMA);
    faults.push(...overrideFromEnvironment(data, CONFIG_SCHEMA, env));
  }
  faults.push(...check(data).map(({ path, message }) => source(path, message)));
  if (faults.length > 0) throw new ConfigError(faults);
  const raw = data as unknown as RawConfig;
  const { profiles, keysets } = loadProfileSet(raw);
  faults.push(
    ...addressFaults(raw, source),
    ...stateFaults(raw, source),
    ...keysets.flatMap(({ policy }) => boundFaults(policy, source)),
  );
  if (faults.length > 0) throw new ConfigError(unique(faults));
  return build(raw, profiles, keysets);
}

/**
 * Reads the profiles of a configuration, and the keysets that they name. What it has read before need not be compiled again.
 *
 * @throws ConfigError with the faults of all their files.
 */
export function loadProfileSet(raw: RawConfig, known?: Config["profiles"]): Pick<Config, "profiles" | "keysets"> {
  const profiles = loadProfiles(profileFolders(raw), raw.issuer, known);
  return { profiles, keysets: keysetsOf(profiles, raw) };
}

type FaultAt = (path: readonly (string | number)[], message: string) => Fault;

function readDocument(file: string | undefined): YamlDocument | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new ConfigError([{ file, path: "", message: "can't be read" }]);
  }
  const document = parseYaml(text, file);
  if (Array.isArray(document)) throw new ConfigError(document);
  return document;
}

/** A fault of a value that the environment set is told there. */
function faultSource(file: string | undefined, document: YamlDocument | undefined, env: NodeJS.ProcessEnv): FaultAt {
  return (path, message) => {
    const variable = variableName(path);
    const shown = path.join(".");
    if (env[variable] !== undefined) return { file: variable, path: shown, message };
    const line = document?.lineOf(path);
    return { file: file ?? "(defaults)", ...(line === undefined ? {} : { line }), path: shown, message };
  };
}

/** The folders that profiles are read from. */
function profileFolders({ profiles: { folder } }: RawConfig): string[] {
  return folder === "" ? [SHIPPED_PROFILES] : [SHIPPED_PROFILES, folder];
}

/** The rotating keysets of the profiles, each with the longest life that a token of it may have. */
function keysetsOf(profiles: ReadonlyMap<string, Profile>, { rotation }: RawConfig): Config["keysets"] {
  const keysets = new Map<string, Config["keysets"][number]>();
  for (const { keys, lifetime } of profiles.values()) {
    if (keys.kind !== "keyset") continue;
    const { keyset: name, algorithm } = keys;
    // Between a key's last token and its end lie S and A already: only a leeway beyond them makes a life longer.
    const beyond = Math.max(0, lifetime.leeway * 1000 - ms(rotation.clock_skew) - ms(rotation.stop_using));
    const maxTtl = Math.max(keysets.get(name)?.policy.maxTtl ?? 0, longestLifetime(lifetime) * 1000 + beyond);
    keysets.set(name, { name, algorithm, policy: policyOf(rotation, maxTtl) });
  }
  return [...keysets.values()];
}

function policyOf(rotation: RawConfig["rotation"], maxTtl: number): KeyPolicy {
  return keyPolicy({
    maxTtl,
    period: ms(rotation.period),
    verifierCache: ms(rotation.verifier_cache),
    propagation: ms(rotation.propagation),
    stopUsing: ms(rotation.stop_using),
    skew: ms(rotation.clock_skew),
    activationDelay: ms(rotation.activation_delay),
    ...(rotation.lead === "" ? {} : { lead: ms(rotation.lead) }),
  });
}

const CONFIG_KEY: Readonly<Record<keyof KeyPolicy, string>> = {
  period: "period",
  lead: "lead",
  verifierCache: "verifier_cache",
  propagation: "propagation",
  stopUsing: "stop_using",
  skew: "clock_skew",
  activationDelay: "activation_delay",
  maxTtl: "period",
};

function boundFaults(policy: KeyPolicy, fault: FaultAt): Fault[] {
  return brokenBounds(policy).map(({ path, message }) => fault(["rotation", CONFIG_KEY[path]], message));
}

/** Until callers prove themselves, whoever reaches a listener may use it: only this machine may reach one. */
function addressFaults({ grpc, http }: RawConfig, fault: FaultAt): Fault[] {
  const message =
    "must be a loopback address (127.0.0.0/8, [::1] or localhost) or, for gRPC, a Unix socket (unix:/path)";
  const faults: Fault[] = [];
  if (!grpc.address.startsWith("unix:") && !isLoopback(grpc.address)) faults.push(fault(["grpc", "address"], message));
  if (!isLoopback(http.address)) faults.push(fault(["http", "address"], message));
  for (const [section, { address }] of Object.entries({ grpc, http }))
    if (!address.startsWith("unix:") && Number(address.slice(address.lastIndexOf(":") + 1)) > 65_535)
      faults.push(fault([section, "address"], "must have a port of at most 65535"));
  return faults;
}

/** Replicas meet in NATS alone, and who has not heard of the others for a period may sign with a key that they dropped. */
function stateFaults({ state, nats, rotation }: RawConfig, fault: FaultAt): Fault[] {
  if (state.store === "file") return [];
  const faults: Fault[] = [];
  if (nats.url === "") {
    const message = "must be file while nats.url is empty: replicas share their state through NATS";
    faults.push(fault(["state", "store"], message));
  }
  if (ms(state.max_offline) > ms(rotation.period)) {
    const message = `must not be longer than rotation.period (${rotation.period}): the others may have dropped the key by then`;
    faults.push(fault(["state", "max_offline"], message));
  }
  return faults;
}

function unique(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [JSON.stringify(fault), fault])).values()];
}

function build(raw: RawConfig, profiles: ReadonlyMap<string, Profile>, keysets: Config["keysets"]): Config {
  const { grpc, nats, kek } = raw;
  const kekFile = kek.file === "" ? join(raw.data, "kek") : kek.file;
  const lead = policyOf(raw.rotation, 1).lead;
  return {
    effective: { ...raw, kek: { ...kek, file: kekFile }, rotation: { ...raw.rotation, lead: formatDuration(lead) } },
    data: raw.data,
    grpc: {
      address: grpc.address,
      maxConcurrentStreams: grpc.max_concurrent_streams,
      maxMessageBytes: grpc.max_message_bytes,
      maxConnectionIdleMs: ms(grpc.max_connection_idle),
      maxConnectionAgeMs: ms(grpc.max_connection_age),
      keepaliveMs: ms(grpc.keepalive),
    },
    http: raw.http,
    nats:
      nats.url === ""
        ? undefined
        : {
            url: nats.url,
            replicas: nats.replicas,
            syncInterval: nats.sync_interval === "always" ? "always" : ms(nats.sync_interval),
          },
    state: {
      store: raw.state.store,
      firstStart: raw.state.first_start,
      maxOfflineMs: ms(raw.state.max_offline),
    },
    kek: {
      file: kekFile,
      previous: kek.previous === "" ? undefined : kek.previous,
      create: kek.create,
    },
    profiles,
    keysets,
    clockSkewMs: ms(raw.rotation.clock_skew),
    verifyEvery: raw.signing.verify_every,
    verifyCacheEntries: raw.verify.cache_entries,
    spoolMaxBytes: raw.audit.spool_max_bytes,
    logLevel: raw.log.level,
    graceMs: ms(raw.shutdown.grace),
  };
}

/** The schema has checked the form. */
function ms(duration: string): number {
  return durationMs(duration) ?? 0;
}
