import type { SubjectInFile } from "./policy-file.ts";

/** Whether a caller of this name may name the subject. */
export type AllowsSubject = (subject: string, caller: string) => boolean;

/** The subjects of a list, to be looked up: a list may have thousands of them. */
export interface SubjectSet {
  /** Without `self`. */
  readonly exact: ReadonlySet<string>;
  readonly hasSelf: boolean;
  /** Those that do not begin with another one, in the order of their code units. */
  readonly prefixes: readonly string[];
}

export function subjectSet(subjects: readonly SubjectInFile[]): SubjectSet {
  const exact = new Set(subjects.filter((subject) => typeof subject === "string"));
  const hasSelf = exact.delete("self");
  const prefixes: string[] = [];
  for (const prefix of prefixesIn(subjects).toSorted(byCodeUnits))
    if (prefixOf(prefix, prefixes) === undefined) prefixes.push(prefix);
  return { exact, hasSelf, prefixes };
}

export function compileSubjects(subjects: readonly SubjectInFile[]): AllowsSubject {
  const { exact, hasSelf, prefixes } = subjectSet(subjects);
  return (subject, caller) =>
    exact.has(subject) || (hasSelf && subject === caller) || prefixOf(subject, prefixes) !== undefined;
}

/** Whether a set has every subject that an item of another list stands for. */
export function coversSubject({ exact, hasSelf, prefixes }: SubjectSet, item: SubjectInFile): boolean {
  // The name of a caller is not known here.
  if (item === "self") return hasSelf;
  if (typeof item === "string") return exact.has(item) || prefixOf(item, prefixes) !== undefined;
  return prefixOf(item.prefix, prefixes) !== undefined;
}

/**
 * The prefix that begins a text, of a {@link SubjectSet}. Only the last of those that are not greater than the text can
 * be it: what lies between a prefix and a text that begins with it begins with that prefix too.
 */
export function prefixOf(text: string, sorted: readonly string[]): string | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") <= text) low = middle + 1;
    else high = middle;
  }
  const last = sorted[low - 1];
  return last !== undefined && text.startsWith(last) ? last : undefined;
}

function prefixesIn(subjects: readonly SubjectInFile[]): string[] {
  return subjects.flatMap((subject) => (typeof subject === "string" ? [] : subject.prefix));
}

function byCodeUnits(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
