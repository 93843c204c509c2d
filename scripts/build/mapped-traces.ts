import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

/*
 * Stack traces of the package name places in the sources. So they do with Node's `--enable-source-maps`, but that reads
 * the map of each file that is loaded, in each thread: 15 MB, and a twentieth of the CPU of a start. Here a map is read
 * when a trace first names its file. esbuild imports this before everything else.
 */

const maps = new Map<string, SourceMap | undefined>();

Error.prepareStackTrace = (error, frames) =>
  [headOf(error), ...frames.map((frame) => `    at ${placed(frame)}`)].join("\n");

function headOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return "Error";
  }
}

/** The frame as Node writes it, with its place in the sources if that is known. */
function placed(frame: NodeJS.CallSite): string {
  const text = String(frame);
  // What is thrown here would be thrown by whoever reads a trace.
  try {
    return withOrigin(text, frame);
  } catch {
    return text;
  }
}

function withOrigin(text: string, frame: NodeJS.CallSite): string {
  const file = frame.getFileName();
  const line = frame.getLineNumber();
  const column = frame.getColumnNumber();
  if (file == null || line === null || column === null) return text;
  const origin = mapOf(file)?.findOrigin(line, column);
  if (origin === undefined || !("fileName" in origin)) return text;
  const place = `${fileURLToPath(new URL(origin.fileName, file))}:${origin.lineNumber}:${origin.columnNumber}`;
  return text.replace(`${file}:${line}:${column}`, () => place);
}

/** Undefined where no map that can be read is beside the file. */
function mapOf(file: string): SourceMap | undefined {
  if (!file.startsWith("file:")) return undefined;
  if (!maps.has(file)) maps.set(file, readMap(new URL(`${file}.map`)));
  return maps.get(file);
}

function readMap(url: URL): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(url, "utf8")));
  } catch (error) {
    // With too many open files, nothing is known of the map yet.
    if ((error as NodeJS.ErrnoException).code === "EMFILE") throw error;
    return undefined;
  }
}
