const SYSTEMS: readonly (readonly [letter: string, rows: number])[] = [
  ["E", 12],
  ["R", 10],
  ["H", 14],
  ["S", 14],
  ["V", 12],
  ["X", 14],
];

/** The id of every row of the acceptance lists, in order. */
export const ROWS: readonly string[] = SYSTEMS.flatMap(([letter, rows]) =>
  Array.from({ length: rows }, (_, at) => `${letter}${at + 1}`),
);

/** What the title of a test says of its row: `E8: …` or, for a part of it, `E8 (open socket): …`. */
export interface RowTitle {
  readonly row: string;
  /** Empty: the row as such. */
  readonly part: string;
}

/** The row that a title begins with, behind the file's name where there is one; undefined for any other title. */
export function rowOf(title: string): RowTitle | undefined {
  const [, row, part = ""] = /^(?:[^:]* › )?([A-Z]\d+)(?: \(([^)]*)\))?: /.exec(title) ?? [];
  return row === undefined ? undefined : { row, part };
}
