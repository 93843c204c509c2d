/** A reason that comes and goes is reported at most once in this time. */
const AGAIN_MS = 60_000;

/**
 * Says of each text whether to report it: when it differs from the last one that was reported, also in more than its
 * figures, and was not reported in the last minute. One that came back within the minute is reported after it, if it is
 * still there: the last report says what is wrong. The empty text says that all is well, and is never reported.
 * `monotonic` in milliseconds.
 */
export function createChangeFilter(monotonic: () => number = () => performance.now()): (text: string) => boolean {
  const reported = new Map<string, number>();
  let last = "";

  function isDue(text: string): boolean {
    const now = monotonic();
    for (const [earlier, time] of reported) if (now - time >= AGAIN_MS) reported.delete(earlier);
    if (reported.has(text)) return false;
    reported.set(text, now);
    return true;
  }

  return (text) => {
    const shape = text.replace(/\d+/g, "");
    const isNew = shape !== last && shape !== "" && isDue(shape);
    if (isNew || shape === "") last = shape;
    return isNew;
  };
}
