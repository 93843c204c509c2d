import type { Duration } from "../../gen/google/protobuf/duration.ts";
import { type Rejection, rejectionReasonToJSON, type VerifyTokenResponse } from "../../gen/signet/v1/token.ts";
import type { Io } from "../io.ts";
import { createPainter } from "./colour.ts";
import { durationText } from "./proto-json.ts";
import { when } from "./relative-time.ts";
import { printable, printableJson } from "./safe-text.ts";
import { table } from "./table.ts";

/** Prints a verdict as text: the decision, the facts about the token, and the response that its client would get. */
export function showVerdict(answer: VerifyTokenResponse, io: Io): void {
  const paint = createPainter(io, io.stdout);
  const decision = answer.valid ? paint("green", "valid") : `${paint("red", "invalid")}: ${reasonOf(answer)}`;
  const rows = [...facts(answer, io.now()), ...surfaces(answer)].filter(([, value]) => value !== "");
  io.stdout.write(`${decision}\n${table(rows)}`);
  for (const { code, message } of answer.warnings)
    io.stdout.write(`${paint("yellow", "warning")}: ${printable(code)}: ${printable(message)}\n`);
  if (answer.claims !== undefined) io.stdout.write(`claims ${printableJson(answer.claims)}\n`);
}

function reasonOf({ rejection }: VerifyTokenResponse): string {
  if (rejection === undefined) return "the service gave no reason";
  const reason = rejectionReasonToJSON(rejection.reason).replace("REJECTION_REASON_", "");
  return `${reason}: ${printable(rejection.message)}`;
}

function facts(answer: VerifyTokenResponse, now: number): [string, string][] {
  const time = (date: Date | undefined) => (date === undefined ? "" : when(date, now));
  return [
    ["diagnosis", printable(answer.diagnosis)],
    ["profile", printable(answer.profile)],
    ["subject", printable(answer.subject)],
    ["id", printable(answer.tokenId)],
    ["key", printable(answer.keyId)],
    ["issued", time(answer.issuedAt)],
    ["expires", time(answer.expiresAt)],
    ["revocations", viewAge(answer.revocationViewAge)],
  ];
}

/** Empty while the service knows all revocations. */
function viewAge(age: Duration | undefined): string {
  return age === undefined || (age.seconds === 0n && age.nanos === 0) ? "" : `as of ${durationText(age)} ago`;
}

function surfaces({ frame, rejection }: VerifyTokenResponse): [string, string][] {
  return [...(rejection ? responses(rejection) : []), ["frame", printable(rejection?.frame ?? frame)]];
}

function responses(rejection: Rejection): [string, string][] {
  const { httpStatus, wwwAuthenticate, websocketCloseCode, websocketCloseReason } = rejection;
  const challenge = wwwAuthenticate === "" ? "" : `, WWW-Authenticate: ${printable(wwwAuthenticate)}`;
  return [
    ["http", httpStatus === 0 ? "" : `${httpStatus}${challenge}`],
    ["websocket", websocketCloseCode === 0 ? "" : `${websocketCloseCode} ${printable(websocketCloseReason)}`.trimEnd()],
  ];
}
