import type { Inspection } from "../inspect/inspect.ts";
import { layOutJson } from "../inspect/json-layout.ts";
import type { Io } from "../io.ts";
import { createPainter } from "./colour.ts";
import { timestampText } from "./proto-json.ts";
import { when } from "./relative-time.ts";
import { printable, safeJson } from "./safe-text.ts";
import { table } from "./table.ts";

const NOTICE = "anyone can write such a token, and nothing in it is proven; signet token verify checks it";

/** An inspection as text, which begins with what it does not say. */
export function inspectionText(inspection: Inspection, io: Io): string {
  const paint = createPainter(io, io.stdout);
  const { header, payload, faults, notes } = inspection;
  const rows = facts(inspection, io.now()).filter(([, value]) => value !== "");
  const part = (name: string, json: string | undefined) => (json === undefined ? [] : [`${name} ${safeJson(json)}\n`]);
  return [
    `${paint("yellow", "not verified")}: ${NOTICE}\n`,
    table(rows),
    ...faults.map((fault) => `${paint("red", "fault")}: ${printable(fault)}\n`),
    ...notes.map((note) => `${paint("yellow", "note")}: ${printable(note)}\n`),
    ...part("header", header.json),
    ...part("payload", payload?.json),
  ].join("");
}

function facts(inspection: Inspection, now: number): [string, string][] {
  const { kind, characters, header, tokenId, signatureBytes, times } = inspection;
  return [
    ["kind", `${kind}, ${characters} characters`],
    ["algorithm", textOf(header.members?.alg)],
    ["key", textOf(header.members?.kid)],
    ["type", textOf(header.members?.typ)],
    ["id", printable(tokenId ?? "")],
    ...times.map(({ claim, time }): [string, string] => [claim, when(time, now)]),
    ["signature", signatureBytes === 0 ? "" : `${signatureBytes} bytes, not checked`],
  ];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? printable(value) : "";
}

/** An inspection as one JSON document. A part with two readings is left out, since a reader would choose one of them. */
export function inspectionJson(inspection: Inspection): string {
  const { kind, characters, header, payload, tokenId, times, faults, notes } = inspection;
  const plain = {
    verified: false,
    notice: NOTICE,
    kind,
    characters,
    tokenId,
    times: Object.fromEntries(times.map(({ claim, time }) => [claim, timestampText(time)])),
    faults,
    notes,
  };
  const members = [
    ...Object.entries(plain).flatMap(([name, value]) =>
      value === undefined ? [] : [`${JSON.stringify(name)}: ${JSON.stringify(value)}`],
    ),
    ...(header.members ? [`"header": ${header.json}`] : []),
    ...(payload?.members ? [`"payload": ${payload.json}`] : []),
  ];
  // The parts as they were written: JSON.parse would round large numbers.
  return `${safeJson(layOutJson(`{${members.join(",")}}`).text)}\n`;
}
