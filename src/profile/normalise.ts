import type { NormaliseStep } from "./profile-file.ts";

/** Brings the spellings of one name to one form. */
export type Normaliser = (text: string) => string;

/** The steps of a profile's file as one function: each step works once, on what the step before left. */
export function normaliser(steps: readonly NormaliseStep[]): Normaliser {
  const functions = steps.map(stepFunction);
  return (text) => functions.reduce((left, step) => step(left), text);
}

function stepFunction(step: NormaliseStep): Normaliser {
  if (step === "trim") return (text) => text.trim();
  if ("drop_prefix" in step) {
    const prefix = step.drop_prefix;
    return (text) => (text.startsWith(prefix) ? text.slice(prefix.length) : text);
  }
  const suffix = step.drop_suffix;
  return (text) => (text.endsWith(suffix) ? text.slice(0, -suffix.length) : text);
}
