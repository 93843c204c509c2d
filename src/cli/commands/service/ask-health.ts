import { pause } from "../../../async/timeout.ts";
import {
  HealthCheckResponse,
  HealthClient,
  HealthCheckResponse_ServingStatus as Status,
  healthCheckResponse_ServingStatusToJSON as statusName,
} from "../../../gen/grpc/health/v1/health.ts";
import { request } from "../../client.ts";
import { TlsFailure } from "../../connection/unreachable.ts";
import { EXIT, Failure } from "../../failure.ts";
import type { RpcOptions } from "../../input/options.ts";
import type { Exit, Io } from "../../io.ts";
import { createPainter } from "../../output/colour.ts";
import { type Progress, withProgress } from "../../output/progress.ts";
import { protoJsonText } from "../../output/proto-json.ts";
import { printable } from "../../output/safe-text.ts";

export interface HealthOptions extends RpcOptions {
  readonly service?: string;
  /** How long to ask again, in milliseconds. */
  readonly wait: number;
}

/** Milliseconds between two questions of `--wait`. */
const AGAIN_MS = 250;
/** The codes of a call for which there is no connection, or no answer in time. */
const UNANSWERED = ["UNAVAILABLE", "DEADLINE_EXCEEDED"];

/** Prints the health, and sets the exit code by it. */
export async function showHealth(options: HealthOptions, io: Io, exit: Exit): Promise<void> {
  const waiting = `waiting for ${printable(options.address)}`;
  const answer = await withProgress(io, options, waiting, (say, note) => askUntilServing(options, say, note));
  const isServing = answer.status === Status.SERVING;
  const word = createPainter(io, io.stdout)(isServing ? "green" : "red", statusName(answer.status));
  if (options.json) io.stdout.write(protoJsonText(HealthCheckResponse, answer));
  else io.stdout.write(isServing ? `${word}\n` : `${word}: /readyz and the log of the service say why\n`);
  exit(isServing ? EXIT.ok : EXIT.negative);
}

/** The first answer that it serves; when the time of `--wait` is over, the last answer, or why there was none. */
async function askUntilServing(
  options: HealthOptions,
  say: Progress["say"],
  note: Progress["note"],
): Promise<HealthCheckResponse> {
  const end = performance.now() + options.wait;
  let noted: string | undefined;
  for (;;) {
    const answer = await ask(options);
    const isLast = performance.now() + AGAIN_MS > end;
    if (answer instanceof Failure && isLast) throw answer;
    if (!(answer instanceof Failure) && (isLast || answer.status === Status.SERVING)) return answer;
    // It may be exchanging its certificates, so the wait goes on. But if this client's CA is wrong, it is in vain.
    if (answer instanceof Failure && answer.cause instanceof TlsFailure && answer.message !== noted) {
      noted = answer.message;
      note(`notice: asking again, although ${printable(noted)}`);
    }
    const found = answer instanceof Failure ? "does not answer" : `says ${statusName(answer.status)}`;
    say(`${printable(options.address)} ${found}`);
    await pause(AGAIN_MS);
  }
}

/** The answer, or why nobody answered. An error that the service answered is thrown: asking again would not help. */
async function ask(options: HealthOptions): Promise<HealthCheckResponse | Failure> {
  const { service = "" } = options;
  try {
    return await request<HealthClient, HealthCheckResponse>(HealthClient, options, (client, ...rest) =>
      client.check({ service }, ...rest),
    );
  } catch (error) {
    if (!(error instanceof Failure) || !UNANSWERED.includes(error.report.code)) throw error;
    return new Failure(error.report, EXIT.unavailable, { cause: error });
  }
}
