import { int64, text } from "../proto-json.ts";
import { event } from "./event-type.ts";

/** What became of the signatures of one key: `signed` = `issued` + `unrecorded` + `selfTests` + `inFlight`. */
export interface KeyCount {
  readonly keyId: string;
  readonly signed: number;
  /** The token.issued events of the key in this epoch, those of withheld tokens among them. */
  readonly issued: number;
  /** The token.withheld events of the key in this epoch. */
  readonly withheld: number;
  readonly unrecorded: number;
  readonly selfTests: number;
  readonly inFlight: number;
}

export const SIGNATURE_EVENTS = {
  "signatures.counted": event("signaturesCounted", ({ keys }: { readonly keys: readonly KeyCount[] }) => ({
    keys: keys.length === 0 ? undefined : keys.map(encodeCount),
  })),
};

function encodeCount(key: KeyCount) {
  return {
    keyId: text(key.keyId),
    signed: int64(key.signed),
    issued: int64(key.issued),
    withheld: int64(key.withheld),
    unrecorded: int64(key.unrecorded),
    selfTests: int64(key.selfTests),
    inFlight: int64(key.inFlight),
  };
}
