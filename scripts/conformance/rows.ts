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

/** The row that a test title names, `E8: …`, or a part of the row, `E8 (open socket): …`. */
export interface RowTitle {
  readonly row: string;
  /** Empty for the row as a whole. */
  readonly part: string;
  /** What the test says of it. */
  readonly text: string;
}

/** The row that a title begins with, after an optional file name; undefined for any other title. */
export function rowOf(title: string): RowTitle | undefined {
  const [, row, part = "", text = ""] = /^(?:[^:]* › )?([A-Z]\d+)(?: \(([^)]*)\))?: (.*)/s.exec(title) ?? [];
  return row === undefined ? undefined : { row, part, text };
}
