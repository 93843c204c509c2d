import type { FileFaults } from "./faults-of-file.ts";
import type { ProfileFile } from "./profile-file.ts";
import { memberOfSchema } from "./schema-members.ts";

/** What a context is allowed to hold where the file asks for none. */
const NOTHING = { additionalProperties: false };

/** Checks that the file's sections fit each other. */
export function checkFit(
  { header, keys, ip, context, carriers, surfaces, quarantine }: ProfileFile,
  faults: FileFaults,
): void {
  if ("keyset" in keys && header.kid === "absent")
    faults.add(["header", "kid"], "must be required for a keyset: its keys rotate, and verifiers find one by its kid");
  if (ip !== undefined && ip.mode !== "off" && memberOfSchema(context ?? NOTHING, ["ip"]) === "unknown")
    faults.add(["ip"], "needs a context schema with the member ip");
  if (carriers.some((carrier) => carrier.in === "frame")) return;
  if (quarantine !== undefined) faults.add(["quarantine"], "needs a carrier { in: frame }");
  if (surfaces.frame !== undefined) faults.add(["surfaces", "frame"], "needs a carrier { in: frame }");
}
