import type { Keyring } from "../keyring/keyring.ts";

export type { VerifyingKey } from "../keyring/key-maker.ts";
export type { ActiveKey as SigningKey, FoundKey as KeyLookup } from "../keyring/loaded-ring.ts";

/** The keys of one keyset as issuing and verifying see them. Both are called for every token: they answer from memory. */
export type TokenKeys = Pick<Keyring, "epoch" | "signer" | "verifier" | "reload" | "distrust">;
