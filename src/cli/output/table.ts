import { stripVTControlCharacters } from "node:util";

/** Aligns columns two spaces apart. Widths are in code points, without colour codes. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell));
  }
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell))).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}

function width(cell: string): number {
  return [...stripVTControlCharacters(cell)].length;
}
