import type { Kek, Keks } from "./kek.ts";
import { isDescriptor, readKekDescriptor } from "./kek-descriptor.ts";
import { KekError } from "./kek-error.ts";
import { createKekFile, loadKek } from "./kek-file.ts";

export interface KekFiles {
  /** Seals and opens. A path, or `fd:N`: a descriptor that the process was started with. */
  readonly file: string;
  /** Opens what was sealed under the KEK before. */
  readonly previous: string | undefined;
  /** Whether a missing file may be made. */
  readonly create: boolean;
}

/**
 * Reads the KEKs. A missing one is made where that is allowed and nothing is sealed yet: a new KEK over keys that are
 * sealed under another would hide their loss.
 *
 * @throws KekError
 */
export async function loadKeks(files: KekFiles, sealedBefore: boolean, created: (file: string) => void): Promise<Keks> {
  const { file, previous, create } = files;
  const current = await load(file).catch(async (error: unknown) => {
    if (!isMissing(error) || isDescriptor(file)) throw error;
    if (sealedBefore)
      throw new KekError(
        "KEK_MISSING",
        `${file} is missing, and keys are sealed under it: put it back (a new one can't open them)`,
      );
    if (!create) throw error;
    await createKekFile(file);
    created(file);
    return load(file);
  });
  return previous === undefined ? [current] : [current, await load(previous)];
}

function load(place: string): Promise<Kek> {
  return isDescriptor(place) ? readKekDescriptor(place) : loadKek(place);
}

function isMissing(error: unknown): boolean {
  return error instanceof KekError && error.code === "KEK_MISSING";
}
