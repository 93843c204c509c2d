/** What Signet uses of the package, which has no types and may be absent. */
declare module "sodium-native" {
  /** Memory between guard pages, locked if the limits of the process allow it, and overwritten when it is freed. */
  export function sodium_malloc(size: number): Buffer;
  export function sodium_free(secure: Buffer): void;
  export function sodium_memzero(bytes: Buffer): void;
  export function sodium_mprotect_readonly(secure: Buffer): void;
  export function sodium_mprotect_readwrite(secure: Buffer): void;
  export function crypto_sign_seed_keypair(publicKey: Buffer, secretKey: Buffer, seed: Buffer): void;
  export function crypto_sign_detached(signature: Buffer, message: Buffer, secretKey: Buffer): void;
  export function crypto_sign_verify_detached(signature: Buffer, message: Buffer, publicKey: Buffer): boolean;
}
