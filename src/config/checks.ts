import { isIPv4, isIPv6 } from "node:net";

/** Whether `host:port` can be reached from this machine alone. */
export function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(":"));
  if (host === "localhost") return true;
  if (isIPv4(host)) return host.startsWith("127.");
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : "";
  return isIPv6(bare) && bare === "::1";
}
