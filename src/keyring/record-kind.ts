/** What every version of a ring has: 1, 2, 3 ...; the highest wins. */
export interface Epoch {
  readonly epoch: number;
}

/** How the records of one ring are named, found and read. */
export interface RecordKind<Record extends Epoch> {
  /** For messages, e.g. `keyset service`. It MUST hold no secret and no personal claim. */
  readonly name: string;
  /** Its epoch N is stored as `<prefix>N`. */
  readonly prefix: string;
  /** Checks every field. Throws the KeyringError BROKEN_RECORD. */
  parse(json: string): Record;
  /** Whether the record is one of this ring. */
  owns(record: Record): boolean;
}
