import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { extname, join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Files that a server may hand out, by their paths in its addresses. What is not listed is not there. */
export class Assets {
  readonly #files: ReadonlyMap<string, string>;

  constructor(folder: string, files: Readonly<Record<string, string>>) {
    this.#files = new Map(Object.entries(files).map(([path, file]) => [path, join(folder, file)]));
  }

  /** Answers with the file of this path. False if there is none. */
  async answer(
    path: string,
    response: ServerResponse,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<boolean> {
    const file = this.#files.get(path);
    if (file === undefined) return false;
    const content = await readFile(file);
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, {
      "content-type": type,
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
      ...headers,
    });
    response.end(content);
    return true;
  }
}
