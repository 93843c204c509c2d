import type { Colour } from "./colour.ts";

/** What a key does at a moment, as far as its times say. */
export type Stage = "published" | "signing" | "verifying" | "standby" | "revoked";

/** How a timeline is drawn. Every mark is one column wide. */
export interface Marks {
  readonly stages: Readonly<Record<Stage, string>>;
  readonly now: string;
}

const UNICODE: Marks = {
  stages: { published: "░", signing: "█", verifying: "▒", standby: "·", revoked: "✗" },
  now: "│",
};
const ASCII: Marks = { stages: { published: "-", signing: "#", verifying: "=", standby: ".", revoked: "x" }, now: "|" };

export const STAGE_COLOUR: Readonly<Record<Stage, Colour>> = {
  published: "yellow",
  signing: "green",
  verifying: "dim",
  standby: "dim",
  revoked: "red",
};

/** By the locale of the environment (POSIX: the first of the three that is set): without UTF-8 plain ASCII. */
export function marksFor(env: Readonly<Record<string, string | undefined>>): Marks {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== "") ?? "";
  return /utf-?8/i.test(locale) ? UNICODE : ASCII;
}
