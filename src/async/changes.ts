/** A reason that comes and goes is reported at most once in this time. */
const AGAIN_MS = 60_000;

/**
 * Says of each text whether to report it: when it differs from the one before, also in more than its figures, and was
 * not reported in the last minute. The empty text says that all is well, and is never reported. `monotonic` in
 * milliseconds.
 */
export function createChangeFilter(monotonic: () => number = () => performance.now()): (text: string) => boolean {
  const reported = new Map<string, number>();
  let before = "";

  function isDue(text: string): boolean {
    const now = monotonic();
    for (const [earlier, time] of reported) if (now - time >= AGAIN_MS) reported.delete(earlier);
    if (reported.has(text)) return false;
    reported.set(text, now);
    return true;
  }

  return (text) => {
    const shape = text.replace(/\d+/g, "");
    const changed = shape !== before;
    before = shape;
    return changed && shape !== "" && isDue(shape);
  };
}
