import type { Faults } from "../schema/fault.ts";
import type { RawConfig } from "./schema.ts";

type Issuer = RawConfig["callers"]["issuers"][string];

/** Checks the section `callers`. An issuer is found by its exact `iss`, so each has one alias. */
export function checkCallers(raw: RawConfig, faults: Faults): void {
  const { issuer: own, callers } = raw;
  const aliases = new Map([[own, "this installation"]]);
  for (const [alias, one] of Object.entries(callers.issuers)) {
    const path = ["callers", "issuers", alias];
    const other = aliases.get(one.issuer);
    if (other !== undefined) faults.add([...path, "issuer"], `must not be the issuer of ${other} as well`);
    aliases.set(one.issuer, alias);
    checkSource(one, path, faults);
  }
  checkSvids(raw, faults);
}

function checkSource({ issuer, jwks, discovery, file, ...fetched }: Issuer, path: string[], faults: Faults): void {
  if ([jwks !== "", discovery, file !== ""].filter(Boolean).length !== 1)
    faults.add(path, "must have exactly one of jwks, discovery and file");
  if (discovery && !/^https:\/\/[^@?#]+$/.test(issuer))
    faults.add([...path, "issuer"], "must be an https URL without user, query and fragment, where discovery is true");
  for (const key of ["ca_file", "token_file"] as const)
    if (file !== "" && fetched[key] !== "") faults.add([...path, key], "is for keys that are fetched");
  if (!discovery && fetched.jwks_hosts.length > 0) faults.add([...path, "jwks_hosts"], "is for discovery");
}

function checkSvids({ callers: { jwt_svid: svid }, spiffe }: RawConfig, faults: Faults): void {
  const path = ["callers", "jwt_svid"];
  const { trust_domain: trustDomain, audience, bundle } = svid;
  if ((trustDomain === "") !== (audience === ""))
    faults.add(path, "must have both trust_domain and audience, or neither");
  else if (trustDomain === "" && bundle !== "") faults.add([...path, "bundle"], "needs trust_domain and audience");
  else if (trustDomain !== "" && bundle === "" && spiffe.socket === "") faults.add([...path, "bundle"], NEEDS_SOCKET);
}

const NEEDS_SOCKET = "must be a file while spiffe.socket is empty and SPIFFE_ENDPOINT_SOCKET names no Unix socket";
