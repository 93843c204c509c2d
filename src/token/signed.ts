import type { Header } from "./header.ts";
import type { VerifyingKey } from "./keys.ts";
import type { JsonObject } from "./strict-json.ts";

/** A token whose signature is good, as it was read. Whether any of it is what it must be is another matter. */
export interface Signed {
  readonly header: Header;
  /** Undefined when it is not a strict JSON object. */
  readonly payload: JsonObject | undefined;
  readonly tokenId: string;
  readonly key: VerifyingKey;
}
