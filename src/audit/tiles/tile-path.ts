/** The entries and hashes of a full tile (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;

/** The path of a tile below the log's folder. A `width` below 256 is that of a partial tile. */
export function tilePath(level: number | "entries", index: number, width: number): string {
  const partial = width < TILE_WIDTH ? `.p/${width}` : "";
  return `tile/${level}/${indexPath(index)}${partial}`;
}

/** An index in groups of three digits, all but the last with an `x`: 1234067 is x001/x234/067. */
function indexPath(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/\d{3}/g) ?? [];
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}
