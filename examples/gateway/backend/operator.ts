import { randomBytes } from "node:crypto";
import { ImportKeyRequest, RotateKeysRequest, SecretEncoding } from "../gen/signet/v1/keys.ts";
import { RevokeTokensRequest } from "../gen/signet/v1/token.ts";
import type { Signet } from "../signet/client.ts";

/** The vendors whose tokens are signed with a shared secret, and how the text of that secret is read. */
const SECRETS: Readonly<Record<string, "base64" | "utf8">> = {
  hivekit: "base64",
  reactive: "base64",
  shoplive: "base64",
  viasocket: "utf8",
};

type KeyCalls = Pick<Signet, "importKey" | "rotateKeys" | "revokeTokens">;

/** What an operator does with Signet's own commands: here the page has a button for each. */
export class Operator {
  readonly #signet: KeyCalls;
  readonly #hivekitTenant: string;

  constructor(signet: KeyCalls, hivekitTenant: string) {
    this.#signet = signet;
    this.#hivekitTenant = hivekitTenant;
  }

  /** Hivekit has tenants, each with secrets of its own. */
  tenantOf(profile: string): string {
    return profile === "hivekit" ? this.#hivekitTenant : "";
  }

  /** Gives Signet a fresh secret for each vendor that shares one. */
  async importSecrets(): Promise<void> {
    await Promise.all(Object.keys(SECRETS).map((profile) => this.rotate(profile)));
  }

  /**
   * Changes the key that signs. Of a rotating keyset the next key takes over as early as every verifier knows it; a
   * fresh secret signs at once. Either way the earlier key verifies until its tokens have expired.
   */
  async rotate(profile: string): Promise<{ readonly keyId: string; readonly signFrom: Date | undefined }> {
    const encoding = SECRETS[profile];
    if (encoding === undefined) {
      const { keyId, signFrom } = await this.#signet.rotateKeys(RotateKeysRequest.fromPartial({ keyset: profile }));
      return { keyId, signFrom };
    }
    const imported = await this.#signet.importKey(
      ImportKeyRequest.fromPartial({
        profile,
        tenant: this.tenantOf(profile),
        secret: randomBytes(32).toString(encoding === "base64" ? "base64" : "hex"),
        encoding: encoding === "base64" ? SecretEncoding.SECRET_ENCODING_BASE64 : SecretEncoding.SECRET_ENCODING_UTF8,
      }),
    );
    return { keyId: imported.key?.keyId ?? "", signFrom: imported.key?.signFrom };
  }

  /** Revokes one token, in every replica within a second. */
  async revoke(profile: string, tokenId: string): Promise<void> {
    const tenant = this.tenantOf(profile);
    const reason = "revoked on the demo page";
    await this.#signet.revokeTokens(RevokeTokensRequest.fromPartial({ profile, tenant, tokenIds: [tokenId], reason }));
  }
}
