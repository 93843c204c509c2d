/** The exit codes of `signet`. The last three are those of sysexits.h. */
export const EXIT = {
  ok: 0,
  /** A token that is not valid, a configuration with faults (`config check`), or an unexpected end (`serve`). */
  negative: 1,
  /** Wrong usage, or the service did not do what was asked. */
  failed: 2,
  /** EX_TEMPFAIL: another process holds the data folder. */
  dataInUse: 75,
  /** EX_NOPERM: the key-encryption key is missing, readable by others, or not the one that sealed the keys. */
  kek: 77,
  /** EX_CONFIG: the configuration has faults. */
  config: 78,
} as const;
