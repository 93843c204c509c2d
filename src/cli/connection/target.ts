import { isIP } from "node:net";
import { parseSpiffeId } from "../../access/spiffe-id.ts";
import { isLoopback } from "../../config/check-listeners.ts";
import { usageError } from "../failure.ts";

/** How the service is reached, and what proves the caller to it. Certificates, keys and tokens are paths of files. */
export interface Target {
  /** `host:port`, or `unix:/path`. */
  readonly address: string;
  /** The longest that a call may take, in milliseconds. */
  readonly timeout: number;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly tokenFile?: string;
  /** The DNS name or SPIFFE ID that the server's certificate must have, where it is not the host of the address. */
  readonly serverName?: string;
}

/** The way to the service. Plaintext is for this machine alone. */
export type Transport = "unix" | "plaintext" | "tls";

/** The options that prove something, with the variable that stands for each. */
export const PROOF_VARIABLES = {
  ca: "SIGNET_CA",
  cert: "SIGNET_CERT",
  key: "SIGNET_KEY",
  tokenFile: "SIGNET_TOKEN_FILE",
  serverName: "SIGNET_SERVER_NAME",
} as const;

const FLAGS = { ca: "--ca", cert: "--cert", key: "--key", tokenFile: "--token-file", serverName: "--server-name" };
type Proof = keyof typeof FLAGS;

const TLS_OPTIONS = ["ca", "cert", "key", "serverName"] as const;
/** Resolvers read `127.1` and `0x7f.1` as IPv4 addresses. */
const LOOKS_NUMERIC = /(^|\.)(\d+|0x[\da-f]*)$/i;
const DNS_NAME = /^(?=.{1,253}$)[a-z\d]([a-z\d_-]*[a-z\d])?(\.[a-z\d]([a-z\d_-]*[a-z\d])?)*$/i;

export function isDnsName(text: string): boolean {
  return DNS_NAME.test(text) && !LOOKS_NUMERIC.test(text);
}

/** Names an option with its variable, since either may have given the value. */
export function optionName(proof: Proof): string {
  return `${FLAGS[proof]} (else ${PROOF_VARIABLES[proof]})`;
}

/**
 * Decides how to reach the service: TLS for every address but a Unix socket and loopback, and on loopback where `ca` or
 * `cert` is given.
 *
 * @throws Failure with all faults of the address and of the options together
 */
export function transportOf(target: Target): Transport {
  const faults = [...addressFaults(target.address), ...nameFaults(target.serverName)];
  const transport = kindOf(target);
  faults.push(...combinationFaults(target, transport));
  if (faults.length > 0) throw usageError(faults.join("; "));
  return transport;
}

function kindOf({ address, ca, cert }: Target): Transport {
  if (address.startsWith("unix:")) return "unix";
  return isLoopback(address) && ca === undefined && cert === undefined ? "plaintext" : "tls";
}

/** The host of `host:port`, an IPv6 address without its brackets. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
}

export function portOf(address: string): number {
  return Number(/:(\d{1,5})$/.exec(address)?.[1] ?? Number.NaN);
}

function addressFaults(address: string): string[] {
  const port = portOf(address);
  if (/^unix:(\/\/)?\/[^/]/.test(address) || (port >= 1 && port <= 65_535 && isHost(address))) return [];
  const hint = port === 0 ? "; with port 0 the system chooses the port: give the one that the service logs" : "";
  const forms = `host:port, such as 127.0.0.1:50051 or signet.example:443, or unix:/path${hint}`;
  return [`--address (else SIGNET_ADDRESS, else SIGNET_GRPC_ADDRESS) must be ${forms}`];
}

function isHost(address: string): boolean {
  const host = hostOf(address);
  return isIP(host) === 6 ? address.startsWith("[") : isIP(host) === 4 || isDnsName(host);
}

function nameFaults(name: string | undefined): string[] {
  if (name === undefined || isDnsName(name) || parseSpiffeId(name) !== undefined) return [];
  return [`${optionName("serverName")} must be a DNS name, such as signet.example, or a SPIFFE ID`];
}

function combinationFaults(target: Target, transport: Transport): string[] {
  const faults: string[] = [];
  if ((target.cert === undefined) !== (target.key === undefined))
    faults.push(`${optionName("cert")} and ${optionName("key")} belong together: give both or none`);
  if (target.cert !== undefined && target.tokenFile !== undefined)
    faults.push(
      `${optionName("cert")} and ${optionName("tokenFile")} both prove the caller, and a call must have one proof: ` +
        "leave one out",
    );
  const given = TLS_OPTIONS.filter((option) => target[option] !== undefined).map(optionName);
  if (transport === "unix" && given.length > 0)
    faults.push(`${target.address} is a Unix socket, which has no TLS: leave out ${given.join(", ")}`);
  if (transport === "plaintext" && target.serverName !== undefined)
    faults.push(`${optionName("serverName")} is for TLS: on loopback, give ${optionName("ca")} as well`);
  return faults;
}
