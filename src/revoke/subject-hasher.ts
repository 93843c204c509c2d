/** The keyed hash of a subject, under one key. */
export interface SubjectHasher {
  /** Names the key, and tells nothing of it. */
  readonly keyId: string;
  hash(subject: string): string;
}

/** The one to hash with, then those under which earlier revocations were hashed: the KEK may be exchanged. */
export type SubjectHashers = readonly [SubjectHasher, ...SubjectHasher[]];
