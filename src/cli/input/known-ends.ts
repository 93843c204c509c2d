import { parseKnownEnds } from "../../audit/verify/known-ends.ts";
import type { KnownEnds } from "../../audit/verify/verifier.ts";
import { usageError } from "../failure.ts";
import { readFileText } from "./read-value.ts";

/** Reads what an earlier `audit verify --state` kept. Throws a usage error that names the file. */
export async function readKnownEnds(path: string): Promise<KnownEnds> {
  const known = parseKnownEnds(await readFileText(path));
  if (known === undefined) throw usageError(`${path} is not a file that signet audit verify --state wrote`);
  return known;
}
