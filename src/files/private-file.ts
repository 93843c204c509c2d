import { type FileHandle, open } from "node:fs/promises";

const GROUP_AND_OTHERS = 0o077;

/** Whether group or others have any access. Stat the OPEN file: the one at the path may be replaced before the read. */
export function isExposed({ mode }: { readonly mode: number }): boolean {
  return (mode & GROUP_AND_OTHERS) !== 0;
}

/** Tells an operator how to close the file or folder at `path`; `mode` is what chmod takes. */
export function exposedText(path: string, mode: "600" | "700"): string {
  return `${path} is open to group or others: only its owner may have access (chmod ${mode} ${path})`;
}

/** Reads a file that only its owner may access. Throws `refuse` of {@link exposedText} if others may access it too. */
export function readPrivateFile(path: string, refuse: (text: string) => Error): Promise<Buffer> {
  return withPrivateFile(path, refuse, (file) => file.readFile());
}

/** As {@link readPrivateFile}, for a file that `read` reads part by part. */
export async function withPrivateFile<Result>(
  path: string,
  refuse: (text: string) => Error,
  read: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  const file = await open(path, "r");
  try {
    if (isExposed(await file.stat())) throw refuse(exposedText(path, "600"));
    return await read(file);
  } finally {
    await file.close();
  }
}
