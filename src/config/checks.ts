import { isIPv4, isIPv6 } from "node:net";
import { brokenBounds, type KeyPolicy } from "../keys/rotating/policy.ts";
import type { Keyset } from "../profile/keysets.ts";
import { msOf } from "../schema/duration.ts";
import type { Faults } from "../schema/fault.ts";
import type { RawConfig } from "./schema.ts";

const LOOPBACK_RULE =
  "must be a loopback address (127.0.0.0/8, [::1] or localhost) or, for gRPC, a Unix socket (unix:/path)";

/** Checks what the schema can't: that the keys may be combined, and that the listeners are local. */
export function crossCheck(raw: RawConfig, keysets: readonly Keyset[], faults: Faults): void {
  checkAddresses(raw, faults);
  checkState(raw, faults);
  for (const { policy } of keysets) checkRotation(policy, faults);
}

/** What an operator should mend, although it stops nothing. Human-readable, each with the way out. */
export function configWarnings({ issuer, http }: RawConfig, issuerIsSet: boolean): string[] {
  if (issuerIsSet || new URL(issuer).host === http.address.replace(/^localhost:/, "127.0.0.1:")) return [];
  return [
    `issuer is at its default, ${issuer}, but http.address is ${http.address}: verifiers would look for the keys in the ` +
      "wrong place. Set issuer (SIGNET_ISSUER) to the URL by which verifiers know this installation, the same on all " +
      "replicas",
  ];
}

/** Callers are not authenticated yet and anyone who reaches a listener may use it: only this machine may reach one. */
function checkAddresses({ grpc, http }: RawConfig, faults: Faults): void {
  if (!grpc.address.startsWith("unix:") && !isLoopback(grpc.address)) faults.add(["grpc", "address"], LOOPBACK_RULE);
  if (!isLoopback(http.address)) faults.add(["http", "address"], LOOPBACK_RULE);
  for (const [section, { address }] of Object.entries({ grpc, http }))
    if (!address.startsWith("unix:") && Number(address.slice(address.lastIndexOf(":") + 1)) > 65_535)
      faults.add([section, "address"], "must have a port of at most 65535");
}

/** Replicas meet only in NATS. One that is offline for a whole period could sign with a key that others dropped. */
function checkState({ state, nats, rotation }: RawConfig, faults: Faults): void {
  if (state.store === "file") return;
  if (nats.url === "")
    faults.add(["state", "store"], "must be file while nats.url is empty: replicas share their state through NATS");
  if (msOf(state.max_offline) > msOf(rotation.period))
    faults.add(
      ["state", "max_offline"],
      `must not be longer than rotation.period (${rotation.period}): other replicas may have dropped the key by then`,
    );
}

/** The configuration key that decides a field of the policy. */
const CONFIG_KEY: Readonly<Record<keyof KeyPolicy, keyof RawConfig["rotation"]>> = {
  period: "period",
  lead: "lead",
  verifierCache: "verifier_cache",
  propagation: "propagation",
  stopUsing: "stop_using",
  skew: "clock_skew",
  activationDelay: "activation_delay",
  maxTtl: "period",
};

function checkRotation(policy: KeyPolicy, faults: Faults): void {
  for (const { path, message } of brokenBounds(policy)) faults.add(["rotation", CONFIG_KEY[path]], message);
}

/** Whether `host:port` is reachable from this machine only. */
export function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(":"));
  if (host === "localhost") return true;
  if (isIPv4(host)) return host.startsWith("127.");
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : "";
  return isIPv6(bare) && bare === "::1";
}
