import { existsSync } from "node:fs";
import { join } from "node:path";
import { BackupError } from "../backup/archive.ts";
import { startFailure } from "../cli/start-failure.ts";
import type { Config } from "../config/config.ts";
import { counted } from "../counted.ts";
import { KekError } from "../jose/kek.ts";
import { tryKeks } from "../jose/kek-source.ts";
import { checkNats } from "../nats/check.ts";
import type { Fault } from "../schema/fault.ts";
import { StateError } from "../state/keyvalue.ts";
import { readCertificateFiles } from "../tls/certificate-files.ts";
import { proveKeys } from "./keys/key-backup.ts";
import { isShared } from "./state/own-state.ts";

/** What the configuration names, as it was found. */
interface Found {
  /** Each with the key of the configuration, what is wrong, and the way out. */
  readonly faults: Fault[];
  /** What is no fault, but good to know. */
  readonly notes: string[];
}

/**
 * Tries what the configuration names, and changes nothing: the certificates of the listeners, NATS with its
 * permissions, and the keys with their key-encryption key. All that is wrong is found at once. `say` is told what is
 * being tried.
 */
export async function checkConnections(
  config: Config,
  now: () => number,
  say: (doing: string) => void = () => {},
): Promise<Found> {
  const found: Found = { faults: [], notes: [] };
  say("trying the certificates");
  await checkCertificates(config, now(), found);
  say("trying NATS");
  const bucket = await checkServers(config, now(), found);
  say("opening the keys");
  await checkKeys(config, now, bucket, found);
  return found;
}

async function checkCertificates({ grpc, http }: Config, now: number, found: Found): Promise<void> {
  for (const [section, tls] of Object.entries({ "grpc.tls": grpc.tls, "http.tls": http.tls })) {
    if (tls === undefined) continue;
    if (tls.cert === undefined) found.notes.push(`the SPIFFE Workload API, which ${section} names, was not asked`);
    else await readCertificateFiles(section, tls, now).catch((error) => addFault(found, section, error));
  }
}

/** Resolves with whether the keys in the bucket can be read. */
async function checkServers(config: Config, now: number, found: Found): Promise<boolean> {
  if (config.nats === undefined) return false;
  try {
    const { faults, notes, bucketExists } = await checkNats({ ...config.nats, buckets: isShared(config) }, now);
    found.faults.push(...faults.map((message) => faultOf("nats", message)));
    found.notes.push(...notes);
    return bucketExists && faults.length === 0;
  } catch (error) {
    addFault(found, "nats", error);
    return false;
  }
}

async function checkKeys(config: Config, now: () => number, bucket: boolean, found: Found): Promise<void> {
  const { data } = config;
  const hasState = isShared(config) ? bucket : existsSync(join(data, "state", "state.db"));
  if (!hasState) {
    if (!isShared(config)) found.notes.push(`there is no state in ${data} yet: the first start creates it`);
    return checkKeks(config, found);
  }
  try {
    const { rings } = await proveKeys(config, now);
    found.notes.push(`the key-encryption key opens all keys (${counted(rings.length, "ring")})`);
  } catch (error) {
    if (error instanceof StateError && error.code === "LOCKED")
      found.notes.push(`the state in ${data} is in use by a service, and was not read: its /readyz says how it is`);
    else if (error instanceof BackupError && error.code === "NOTHING") found.notes.push("there are no keys yet");
    else addFault(found, error instanceof KekError ? "kek" : "state", error);
  }
}

/** Where there are no keys that they could open. */
async function checkKeks({ kek, data }: Config, found: Found): Promise<void> {
  try {
    if (await tryKeks(kek, data)) found.notes.push(`there is no KEK file ${kek.file} yet: the first start creates it`);
  } catch (error) {
    addFault(found, "kek", error);
  }
}

function addFault({ faults }: Found, place: string, error: unknown): void {
  faults.push(faultOf(place, startFailure(error).report.message));
}

function faultOf(place: string, message: string): Fault {
  return { file: place, path: "", message };
}
