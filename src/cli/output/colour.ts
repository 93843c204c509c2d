import { styleText } from "node:util";
import type { Io, Output } from "../io.ts";

export type Colour = "red" | "green" | "yellow" | "dim";

/** Creates a function that colours text for one output. */
export function createPainter({ env }: Io, output: Output): (colour: Colour, text: string) => string {
  if (!hasColours(env, output)) return (_colour, text) => text;
  return (colour, text) => styleText(colour, text, { validateStream: false });
}

/**
 * Only a terminal has colours, unless FORCE_COLOR is set; none if NO_COLOR is set (no-color.org), which counts more. An
 * empty variable counts as unset. The variables are those of `env`, which `styleText` would not ask.
 */
function hasColours({ NO_COLOR, FORCE_COLOR, TERM }: Io["env"], output: Output): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return output.isTTY === true && TERM !== "dumb";
}
