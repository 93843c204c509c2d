import { CodedError } from "../../coded-error.ts";
import { EMPTY_EDGE, grow, rootOf } from "../tree/edge.ts";
import { leafHash, type TreeHash } from "../tree/hash.ts";
import { TILE_WIDTH, tilePath } from "./tile-path.ts";

/** The entry does not fit into an entry bundle. `TOO_LARGE`: its length is told by 16 bits. */
export class TileError extends CodedError<"TOO_LARGE"> {}

/** A file of a log's folder, by its path below it. */
export interface TileFile {
  readonly path: string;
  readonly content: Buffer;
}

const MAX_ENTRY_BYTES = 65_535;

/**
 * The files of a log in the format of C2SP tlog-tiles, without its checkpoint, as the entries come one by one. It keeps
 * one tile a level, and the entries of the last bundle.
 */
export class Tiles {
  #edge = EMPTY_EDGE;
  #bundle: Buffer[] = [];
  /** The hashes of the last tile of each level, which is not full, and how many full ones are before it. */
  readonly #levels: { hashes: TreeHash[]; full: number }[] = [];

  get size(): number {
    return this.#edge.size;
  }

  /** The hash of the whole tree. */
  get root(): TreeHash {
    return rootOf(this.#edge);
  }

  /** Appends an entry, and returns the files that are full by it. Throws a {@link TileError}. */
  add(entry: Uint8Array): TileFile[] {
    if (entry.length > MAX_ENTRY_BYTES)
      throw new TileError("TOO_LARGE", `an entry has ${entry.length} bytes; tiles hold at most ${MAX_ENTRY_BYTES}`);
    const leaf = leafHash(entry);
    this.#edge = grow(this.#edge, leaf);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    this.#bundle.push(length, Buffer.from(entry));
    const files: TileFile[] = [];
    if (this.size % TILE_WIDTH === 0) files.push(this.#takeBundle(TILE_WIDTH));
    this.#addHash(0, leaf, files);
    return files;
  }

  /** The partial files of the log as it is now. */
  partial(): TileFile[] {
    const files: TileFile[] = [];
    if (this.#bundle.length > 0) files.push(this.#takeBundle(this.size % TILE_WIDTH));
    for (const [level, { hashes, full }] of this.#levels.entries())
      if (hashes.length > 0) files.push({ path: tilePath(level, full, hashes.length), content: Buffer.concat(hashes) });
    return files;
  }

  #takeBundle(width: number): TileFile {
    const index = Math.ceil(this.size / TILE_WIDTH) - 1;
    const content = Buffer.concat(this.#bundle);
    this.#bundle = [];
    return { path: tilePath("entries", index, width), content };
  }

  /** The hash of a full tile is a hash of the level above. */
  #addHash(level: number, hash: TreeHash, files: TileFile[]): void {
    this.#levels[level] ??= { hashes: [], full: 0 };
    const tile = this.#levels[level];
    tile.hashes.push(hash);
    if (tile.hashes.length < TILE_WIDTH) return;
    files.push({ path: tilePath(level, tile.full, TILE_WIDTH), content: Buffer.concat(tile.hashes) });
    const root = rootOf(tile.hashes.reduce(grow, EMPTY_EDGE));
    this.#levels[level] = { hashes: [], full: tile.full + 1 };
    this.#addHash(level + 1, root, files);
  }
}
