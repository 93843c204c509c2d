import { isMac } from "../../keys/model.ts";
import type { Faults } from "../../schema/fault.ts";
import type { ProfileFile } from "../file/schema.ts";
import { signsClaim, signsFrom, subjectIn } from "./check-claims.ts";
import { memberOfSchema } from "./schema-members.ts";

/** The context schema of a file that has none. */
export const NO_CONTEXT = { additionalProperties: false };

/** Checks that the file's sections fit each other. */
export function checkFit(
  { issuer, tenant, header, keys, ip, context, carriers, surfaces, quarantine, ...file }: ProfileFile,
  faults: Faults,
): void {
  checkMetering(file, faults);
  if ("imported" in keys) checkEncoding(keys, faults);
  if ("keyset" in keys && header.kid === "absent")
    faults.add(["header", "kid"], "must be required for a keyset: its keys rotate, and verifiers find one by its kid");
  if ("keyset" in keys && header.accept_typ.length > 0)
    faults.add(
      ["header", "accept_typ"],
      "is for imported keys: the typ of a keyset's tokens distinguishes them from those of other profiles",
    );
  if ("keyset" in keys && issuer === "tenant")
    faults.add(["issuer"], "must not be tenant for a keyset: one keyset serves one issuer");
  if (issuer === "tenant" && tenant === undefined) faults.add(["issuer"], "needs `tenant` in the profile");
  if ("keyset" in keys && tenant !== undefined && tenant.claim === undefined)
    faults.add(["tenant"], "must have a claim for a keyset: every tenant's tokens are signed with the same keys");
  if (ip !== undefined && ip.mode !== "off" && memberOfSchema(context ?? NO_CONTEXT, ["ip"]) === "unknown")
    faults.add(["ip"], "needs a context schema with the member ip");
  if (carriers.some((carrier) => carrier.in === "frame")) return;
  if (quarantine !== undefined) faults.add(["quarantine"], "needs a carrier { in: frame }");
  if (surfaces.frame !== undefined) faults.add(["surfaces", "frame"], "needs a carrier { in: frame }");
}

function checkMetering(file: Pick<ProfileFile, "metering" | "claims" | "subject">, faults: Faults): void {
  const { metering, claims } = file;
  if (metering.client_ip !== undefined && !signsFrom(claims, "client_ip"))
    faults.add(["metering", "client_ip"], "needs a claim { from: client_ip }: without one no request has a client_ip");
  if (metering.subject !== undefined && !signsClaim(claims, subjectIn(file).claim))
    faults.add(["metering", "subject"], "needs a claim with the subject: without one no token has a subject");
}

function checkEncoding(
  { imported, encoding }: Extract<ProfileFile["keys"], { imported: unknown }>,
  faults: Faults,
): void {
  const hasSecrets = [imported].flat().some(isMac);
  if (hasSecrets && encoding === undefined) faults.add(["keys", "encoding"], "is required");
  if (!hasSecrets && encoding !== undefined)
    faults.add(["keys", "encoding"], "is for secrets: a private key is in PEM, or a JWK");
}
