import { brokenBounds, type KeyPolicy } from "../keys/rotating/policy.ts";
import type { Keyset } from "../profile/keysets.ts";
import { msOf } from "../schema/duration.ts";
import type { Faults } from "../schema/fault.ts";
import { checkCallers } from "./check-callers.ts";
import { checkListeners, isLoopback } from "./check-listeners.ts";
import { checkNats, requireBoth } from "./nats.ts";
import type { RawConfig } from "./schema.ts";

/** Checks what the schema can't: that the keys may be combined. */
export function crossCheck(raw: RawConfig, keysets: readonly Keyset[], faults: Faults): void {
  checkListeners(raw, faults);
  checkState(raw, faults);
  checkCallers(raw, faults);
  checkNats(raw.nats, faults);
  checkTraces(raw.traces, faults);
  for (const { policy } of keysets) checkRotation(policy, faults);
}

function checkTraces({ endpoint, cert_file: cert, key_file: key }: RawConfig["traces"], faults: Faults): void {
  if (endpoint !== "" && !URL.canParse(endpoint)) faults.add(["traces", "endpoint"], "must be a URL");
  requireBoth(["traces", "cert_file"], cert, ["traces", "key_file"], key, faults);
}

/** What an operator should mend, although it stops nothing. Human-readable, each with the way out. */
export function configWarnings(raw: RawConfig, issuerIsSet: boolean): string[] {
  return [...issuerWarnings(raw, issuerIsSet), ...natsWarnings(raw), ...tracesWarnings(raw)];
}

/** Spans hold no secret, but the headers may. */
function tracesWarnings({ traces: { endpoint, headers_file } }: RawConfig): string[] {
  if (headers_file === "" || !endpoint.startsWith("http://") || isLoopback(hostAndPort(endpoint))) return [];
  return ["traces.headers_file would be sent to traces.endpoint unencrypted: write the endpoint with https://"];
}

function hostAndPort(url: string): string {
  const { host, port } = new URL(url);
  return port === "" ? `${host}:80` : host;
}

/** An nkey and the seed of a creds file sign a challenge of the server; a password is sent as it is. */
function natsWarnings({ nats: { url, tls, password_file } }: RawConfig): string[] {
  const isLocal = url.split(",").every((server) => isLoopback(server.slice(server.indexOf("://") + 3)));
  if (password_file === "" || isLocal || url.includes("tls://") || tls.ca !== "" || tls.cert !== "") return [];
  return [
    "nats.password_file would be sent to NATS unencrypted: write nats.url with tls://, or set nats.creds or nats.nkey, " +
      "which prove this client without a password",
  ];
}

function issuerWarnings({ issuer, http }: RawConfig, issuerIsSet: boolean): string[] {
  if (issuerIsSet || new URL(issuer).host === http.address.replace(/^localhost:/, "127.0.0.1:")) return [];
  return [
    `issuer is at its default, ${issuer}, but http.address is ${http.address}: verifiers would look for the keys in the ` +
      "wrong place. Set issuer (SIGNET_ISSUER) to the URL by which verifiers know this installation, the same on all " +
      "replicas",
  ];
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
