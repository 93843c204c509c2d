/** The exit codes of `signet`. Those from 65 on are of sysexits.h. */
export const EXIT = {
  ok: 0,
  /** A token that is not valid, a configuration with faults (`config check`), or an unexpected end (`serve`). */
  negative: 1,
  /** Wrong usage, or the service did not do what was asked. */
  failed: 2,
  /** EX_DATAERR: stored keys are damaged, forged or exchanged. Nothing is made over them. */
  keysDamaged: 65,
  /** EX_NOINPUT: there is no key-encryption key, and none may be made. */
  kekMissing: 66,
  /** EX_UNAVAILABLE: an address is taken, or can't be bound. */
  cantListen: 69,
  /** EX_OSERR: the Node that runs it has known faults. */
  oldNode: 71,
  /** EX_IOERR: the state or the spool is damaged, readable by others, or can't be used. */
  state: 74,
  /** EX_TEMPFAIL: another process holds the data folder. */
  dataInUse: 75,
  /** EX_NOPERM: the key-encryption key is malformed, readable by others, or not the one that sealed the keys. */
  kek: 77,
  /** EX_CONFIG: the configuration has faults, or names another store than the one that the data folder took part in. */
  config: 78,
} as const;
