import type { CertificateSet } from "./certificate-set.ts";

/** Where a listener has its certificates from: files, or the SPIFFE Workload API. */
export interface CertificateSource {
  /** The set in use: the newest one that was good when it came. */
  readonly current: CertificateSet;
  /** Calls `use` with each later set, after `current` has become it. The result ends that. `use` MUST NOT throw. */
  onChange(use: (set: CertificateSet) => void): () => void;
}

/** A source whose sets are put in by its owner. */
export interface SettableSource extends CertificateSource {
  set(next: CertificateSet): void;
}

export function createCertificateSource(first: CertificateSet): SettableSource {
  const listeners = new Set<(set: CertificateSet) => void>();
  let current = first;
  return {
    get current() {
      return current;
    },
    onChange(use) {
      listeners.add(use);
      return () => listeners.delete(use);
    },
    set(next) {
      current = next;
      for (const use of listeners) use(next);
    },
  };
}
