import { parseArgs } from "node:util";
import type { MethodName } from "./methods.ts";

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly rate: number;
  readonly seed: number;
  readonly only: MethodName | undefined;
  readonly profile: MethodName | undefined;
  readonly json: boolean;
}

export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
      rate: { type: "string", default: "800" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
      profile: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  return {
    rounds: positive("rounds", values.rounds),
    seconds: positive("seconds", values.seconds),
    rate: positive("rate", values.rate),
    seed: positive("seed", values.seed),
    only: methodName("only", values.only),
    profile: methodName("profile", values.profile),
    json: values.json,
  };
}

function positive(option: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${option} ${text}: must be a whole number from 1`);
  return Number(text);
}

function methodName(option: string, text: string | undefined): MethodName | undefined {
  if (text === undefined || text === "issue" || text === "verify") return text;
  throw new Error(`--${option} ${text}: must be issue or verify`);
}
