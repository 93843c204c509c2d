import { linesOf, readBatch } from "../../../src/audit/verify/batch.ts";
import { type Verdict, Verifier, type VerifierOptions } from "../../../src/audit/verify/verifier.ts";

/** The verdict on these lines as one log. */
export function verdictOf(lines: readonly string[], options: VerifierOptions = {}): Verdict {
  const verifier = new Verifier(options);
  let at = 0;
  for (const line of linesOf(readBatch(Buffer.from(lines.map((text) => `${text}\n`).join("")))))
    verifier.add(line, ++at);
  return verifier.judge();
}

/** Each fault as "CODE epoch/seq line", and "proven" at the end of a log that is. */
export function faultTexts({ proven, faults }: Verdict): string[] {
  const texts = faults.map(({ code, place, at }) =>
    [code, place && `${place.epoch}/${place.seq}`, at].filter((part) => part !== undefined).join(" "),
  );
  return proven ? [...texts, "proven"] : texts;
}

/** The body with other members. */
export function altered(body: string | undefined, members: object): string {
  return JSON.stringify({ ...JSON.parse(body ?? ""), ...members });
}
