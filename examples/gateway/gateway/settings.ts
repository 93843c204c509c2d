/** The settings of the gateway, from its environment. */
export interface Settings {
  readonly address: string;
  /** Different for each running gateway. */
  readonly gatewayId: string;
  readonly leaseMs: number;
  /** The origins of the pages that may use the gateway from a browser. */
  readonly origins: ReadonlySet<string>;
  readonly hivekitTenant: string;
}

/** Throws an error that names each variable that is wrong. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const gatewayId = env.GATEWAY_ID || `gateway-${crypto.randomUUID()}`;
  const leaseSeconds = Number(env.GATEWAY_LEASE_SECONDS || "30");
  const faults: string[] = [];
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(gatewayId))
    faults.push("GATEWAY_ID must be 1 to 64 characters of A-Z a-z 0-9 . _ : -");
  if (!Number.isInteger(leaseSeconds) || leaseSeconds < 5 || leaseSeconds > 300)
    faults.push("GATEWAY_LEASE_SECONDS must be a whole number from 5 to 300");
  if (faults.length > 0) throw new Error(faults.join("; "));
  return {
    address: env.GATEWAY_ADDRESS || "127.0.0.1:8090",
    gatewayId,
    leaseMs: leaseSeconds * 1_000,
    origins: new Set((env.GATEWAY_ORIGINS || "").split(",").filter((origin) => origin !== "")),
    hivekitTenant: env.HIVEKIT_TENANT || "demo-tenant",
  };
}
