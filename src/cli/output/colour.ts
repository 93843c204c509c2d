import { styleText } from "node:util";
import type { Io, Output } from "../io.ts";

export type Colour = "red" | "green" | "yellow" | "dim";

/**
 * Creates a function that colours text for one output: only on a terminal, and never if NO_COLOR is set (no-color.org).
 */
export function createPainter({ env }: Io, output: Output): (colour: Colour, text: string) => string {
  if (output.isTTY !== true || (env.NO_COLOR ?? "") !== "") return (_colour, text) => text;
  return (colour, text) => styleText(colour, text, { validateStream: false });
}
