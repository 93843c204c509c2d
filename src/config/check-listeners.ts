import { isIPv4, isIPv6 } from "node:net";
import type { Faults } from "../schema/fault.ts";
import type { RawConfig } from "./schema.ts";

/** Of `sun_path`, without the NUL at its end. */
const MAX_SOCKET_BYTES = 107;
const LOCAL = "loopback (127.0.0.0/8, [::1] or localhost)";

/**
 * Checks where the service listens. Clients of a listener without TLS are taken for callers on this machine: only this
 * machine may reach one. At `http.internal_address` nobody is a caller.
 */
export function checkListeners(raw: RawConfig, faults: Faults): void {
  const { grpc, http, access } = raw;
  const isUnix = grpc.address.startsWith("unix:");
  if (!isUnix && !isLoopback(grpc.address)) {
    const beyond = `beyond ${LOCAL} and Unix sockets (unix:/path)`;
    if (grpc.tls.source === "") faults.add(["grpc", "address"], `${beyond} needs TLS: set grpc.tls.source`);
    if (access.policy === "")
      faults.add(["grpc", "address"], `${beyond} needs a policy that says what callers may do: set access.policy`);
  }
  if (isUnix && Buffer.byteLength(grpc.address.replace("unix:", "")) > MAX_SOCKET_BYTES)
    faults.add(["grpc", "address"], `must have a path of at most ${MAX_SOCKET_BYTES} bytes, as every Unix socket`);
  if (isUnix && grpc.tls.source !== "")
    faults.add(["grpc", "tls", "source"], "must be empty where grpc.address is a Unix socket, which needs no TLS");
  if (!isLoopback(http.address) && http.tls.cert === "")
    faults.add(["http", "address"], `beyond ${LOCAL} needs TLS: set http.tls.cert and http.tls.key`);
  checkPorts({ grpc, http }, faults);
  checkTls({ grpc, http }, faults);
  if (grpc.tls.source === "spiffe") checkSpiffe(raw, faults);
}

function checkPorts({ grpc, http }: Pick<RawConfig, "grpc" | "http">, faults: Faults): void {
  const addresses = [
    [["grpc", "address"], grpc.address],
    [["http", "address"], http.address],
    [["http", "internal_address"], http.internal_address],
  ] as const;
  for (const [path, address] of addresses)
    if (!address.startsWith("unix:") && Number(address.slice(address.lastIndexOf(":") + 1)) > 65_535)
      faults.add(path, "must have a port of at most 65535");
}

function checkTls({ grpc, http }: Pick<RawConfig, "grpc" | "http">, faults: Faults): void {
  const { source, cert, key, client_ca: clientCa } = grpc.tls;
  if (source === "files") requireBoth(["grpc", "tls"], grpc.tls, "where grpc.tls.source is files", faults);
  else if (cert !== "" || key !== "" || clientCa !== "")
    faults.add(["grpc", "tls", "source"], "must be files where cert, key or client_ca is set");
  if (http.tls.cert !== "" || http.tls.key !== "") requireBoth(["http", "tls"], http.tls, "for TLS", faults);
}

/** The bundle of the Workload API proves names of its own trust domain, and of no other. */
function checkSpiffe({ spiffe, callers }: RawConfig, faults: Faults): void {
  const where = "where grpc.tls.source is spiffe";
  if (spiffe.socket === "")
    faults.add(["spiffe", "socket"], `must be set ${where} and SPIFFE_ENDPOINT_SOCKET names no Unix socket`);
  if (callers.trust_domains.length !== 1)
    faults.add(["callers", "trust_domains"], `must have exactly one, that of the own identity, ${where}`);
}

function requireBoth(
  path: readonly string[],
  files: { readonly cert: string; readonly key: string },
  where: string,
  faults: Faults,
): void {
  for (const name of ["cert", "key"] as const)
    if (files[name] === "") faults.add([...path, name], `must be set ${where}`);
}

/** Whether `host:port` is reachable from this machine only. */
export function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(":"));
  if (host === "localhost") return true;
  if (isIPv4(host)) return host.startsWith("127.");
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : "";
  return isIPv6(bare) && bare === "::1";
}
