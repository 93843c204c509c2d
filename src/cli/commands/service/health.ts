import { type Command, Option } from "commander";
import { moreHelp } from "../../input/more-help.ts";
import { duration, rpcOptions } from "../../input/options.ts";
import type { Exit, Io } from "../../io.ts";
import type { HealthOptions } from "./ask-health.ts";

/** The names whose health a service reports, save that of the whole, which is empty. */
export const HEALTH_NAMES = [
  "signet.v1.TokenService/IssueToken",
  "signet.v1.TokenService",
  "signet.v1.KeyService",
  "signet.v1.SessionService",
  "signet.v1.ProfileService",
  "signet.v1.AuditService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

export function addHealth(program: Command, io: Io, exit: Exit): void {
  const command = program
    .command("health")
    .description("ask a running service for its health; needs no certificate or token, and suits a probe")
    .addOption(
      new Option("--service <name>", "what must be able to serve (default: verifying tokens)").choices(HEALTH_NAMES),
    )
    .option("--wait <duration>", "ask again until it serves, for so long", duration, 0);
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet health",
          "signet health --wait 30s --service signet.v1.TokenService/IssueToken",
          "signet health --address 127.0.0.1:50051 --ca ca.crt --server-name signet.example",
        ],
        notes: [
          "Anybody may ask: over mTLS, too, it needs --ca alone. What each name depends on: docs/monitoring.md#health.",
          "A certificate that is refused does not end --wait, because it may be exchanged meanwhile; a notice says so.",
        ],
        exitCodes: {
          0: "it serves",
          1: "it answers that it does not serve",
          2: "wrong usage, or refused",
          69: "nobody answers",
        },
      }),
    )
    .action((options: HealthOptions) => health(options, io, exit));
}

/** Imported late: the help of all commands does without gRPC. */
async function health(options: HealthOptions, io: Io, exit: Exit): Promise<void> {
  await (await import("./ask-health.ts")).showHealth(options, io, exit);
}
