import type { Entry } from "../../state/keyvalue.ts";
import { type Epoch, judgeRecord, type RecordKeys, type RecordKind, type Verdict } from "./authenticated-record.ts";

/** An epoch as it is stored: the bytes of the record and its MAC. */
export interface StoredEpoch {
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

/** What the entries of a ring come to. Any client of the store may have written them. */
export interface Survey {
  /** The highest authentic epoch. */
  readonly highest: StoredEpoch | undefined;
  /** Whether the store holds {@link highest}. False when it was only remembered. */
  readonly stored: boolean;
  /**
   * What lies at the place after the highest authentic epoch, or after the one in use if that is higher. garbage: any
   * replica may write over it, but it may hide an epoch that was there. unknownKek: an epoch that another replica can
   * read, or garbage; it is never written over.
   */
  readonly next: "free" | "garbage" | "unknownKek";
  /** Whether any entry lies there, whatever it is. */
  readonly occupied: boolean;
  /** The lowest entry under an unknown KEK, at that place or above. */
  readonly unknownKek: Pick<Entry, "key" | "value"> | undefined;
  /** The keys of entries that count as nothing, other than emptied epochs below {@link highest}. */
  readonly strays: readonly string[];
}

/** The number of the epoch that the key of an entry names; undefined when it names none. */
export function epochNumber(key: string, prefix: string): number | undefined {
  const text = key.slice(prefix.length);
  return /^[1-9][0-9]{0,14}$/.test(text) ? Number(text) : undefined;
}

/**
 * Judges the entries of a ring. Epochs are contiguous, so what lies beyond the place after the highest authentic epoch
 * is no epoch. `held` is the epoch in use, 0 for none: a store may have lost it. `met` is an authentic epoch above that
 * was in the store before.
 */
export function surveyEntries(
  entries: readonly Pick<Entry, "key" | "value">[],
  kind: RecordKind<Epoch>,
  held: number,
  keys: RecordKeys,
  met?: StoredEpoch,
): Survey {
  const placed = entries.map(({ key, value }) => ({ key, bytes: value, epoch: epochNumber(key, kind.prefix) }));
  const numbered = placed
    .flatMap(({ epoch, ...rest }) => (epoch === undefined ? [] : [{ ...rest, epoch }]))
    .sort((left, right) => right.epoch - left.epoch);
  const strays = placed.filter(({ epoch }) => epoch === undefined).map(({ key }) => key);
  const verdicts = new Map<number, Verdict>();
  let highest = met;
  // From the top: below the highest authentic epoch nothing counts.
  for (const { key, epoch, bytes } of numbered) {
    if (epoch < (met?.epoch ?? 0)) break;
    const verdict = judgeRecord(bytes, kind, epoch, keys);
    if (verdict === "authentic") {
      highest = { epoch, bytes };
      break;
    }
    verdicts.set(epoch, verdict);
    if (epoch > held || verdict !== "emptied") strays.push(key);
  }
  const place = Math.max(held, highest?.epoch ?? 0) + 1;
  const unknown = numbered.findLast(({ epoch }) => epoch >= place && verdicts.get(epoch) === "unknownKek");
  return {
    highest,
    stored: highest !== met || met === undefined,
    next: judgeNext(place, verdicts),
    occupied: entries.length > 0,
    unknownKek: unknown && { key: unknown.key, value: unknown.bytes },
    strays,
  };
}

/**
 * A later epoch under an unknown KEK may be some places ahead: the epochs below it were emptied. Then nothing may be
 * written at any of these places.
 */
function judgeNext(place: number, verdicts: ReadonlyMap<number, Verdict>): Survey["next"] {
  for (let epoch = place; verdicts.has(epoch); epoch++) if (verdicts.get(epoch) === "unknownKek") return "unknownKek";
  return verdicts.has(place) ? "garbage" : "free";
}
