import { type OpenSpoolFile, openDiskFile, type SpoolFile } from "../../../src/audit/spool/segment-file.ts";

/** The operations of a spool file that a test can make fail. */
export type Faults = { [Operation in "open" | "write" | "sync" | "truncate" | "close"]?: NodeJS.ErrnoException };

/** An errno as Node reports it. */
export function errno(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Real files whose operations fail while `faults` names them. A failed write leaves half of its bytes. */
export function faultyFiles(faults: Faults): OpenSpoolFile {
  return async (path, mode) => {
    if (faults.open) throw faults.open;
    const file = await openDiskFile(path, mode);
    return {
      write: async (bytes) => {
        if (faults.write) await file.write(bytes.subarray(0, bytes.length / 2));
        if (faults.write) throw faults.write;
        await file.write(bytes);
      },
      prepare: async () => {
        if (faults.write) throw faults.write;
        await file.prepare();
      },
      sync: async () => {
        if (faults.sync) throw faults.sync;
        await file.sync();
      },
      look: () => file.look(),
      truncate: async (size) => {
        if (faults.truncate) throw faults.truncate;
        await file.truncate(size);
      },
      close: async () => {
        await file.close();
        if (faults.close) throw faults.close;
      },
    };
  };
}

/**
 * Real files behind a write-back cache like the kernel's: bytes that were not synced before a power failure are lost.
 * With `lying`, the cache reports a sync without doing it.
 */
export function cachedFiles({ lying = false } = {}): OpenSpoolFile {
  return async (path, mode) => {
    const file = await openDiskFile(path, mode);
    let unsynced: Uint8Array[] = [];
    const cached: SpoolFile = {
      write: async (bytes) => void unsynced.push(Uint8Array.from(bytes)),
      sync: async () => {
        if (lying) return;
        for (const bytes of unsynced) await file.write(bytes);
        unsynced = [];
        await file.sync();
      },
      prepare: async () => {},
      look: () => file.look(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
    return cached;
  };
}
