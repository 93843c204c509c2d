import { type Algorithm, isMac } from "../../../src/keys/model.ts";
import { tinyProfile } from "./tiny-profile.ts";

/** The text of a profile `vendor` of tenants, whose imported keys have any of these algorithms and are named by `kid`. */
export function vendorProfile(algorithms: readonly Algorithm[]): string {
  return tinyProfile({
    1: "profile: vendor",
    2: `keys: { imported: [${algorithms}]${algorithms.some(isMac) ? ", encoding: base64" : ""} }`,
    6: "  - { name: iat, from: issued_at }",
    9: "issuer: none",
    10: "tenant: {}",
    11: "header: { kid: required }",
  });
}
