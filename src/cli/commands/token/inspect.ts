import type { Command } from "commander";
import { EXIT, Failure } from "../../failure.ts";
import { moreHelp } from "../../input/more-help.ts";
import { readStdin } from "../../input/read-value.ts";
import { findToken } from "../../inspect/find-token.ts";
import { inspectToken } from "../../inspect/inspect.ts";
import type { Exit, Io } from "../../io.ts";
import { inspectionJson, inspectionText } from "../../output/inspection.ts";

interface InspectOptions {
  readonly json?: boolean;
}

export function addTokenInspect(token: Command, io: Io, exit: Exit): void {
  token
    .command("inspect [token]")
    .description(
      "decode a token without trusting it; without one, or with -, it is read from standard input, where a header, " +
        "a URL or JSON may be around it",
    )
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet token inspect < token.txt", 'printf %s "$TOKEN" | signet token inspect --json'],
        notes: [
          "It needs no running service and no key, and checks no signature. It shows header, payload, times, kid, " +
            "and the id under which the audit log has the token: numbers digit for digit, control characters " +
            "escaped, and only the header of a JWE. It reads at most 1 MiB. With --json it leaves out a part that " +
            "has a member twice in one object.",
        ],
        exitCodes: {
          0: "decoded",
          1: "not a well-formed JWT",
          2: "wrong usage",
        },
      }),
    )
    .action(async (given: string | undefined, options: InspectOptions) => {
      const inspection = await inspect(given, io);
      io.stdout.write(options.json ? inspectionJson(inspection) : inspectionText(inspection, io));
      exit(inspection.faults.length === 0 ? EXIT.ok : EXIT.negative);
    });
}

async function inspect(given: string | undefined, io: Io) {
  const found = findToken(given === undefined || given === "-" ? await readStdin(io, "the token") : given);
  if ("none" in found) throw notAToken(found.none);
  const inspection = inspectToken(found.token);
  if (inspection === undefined)
    throw notAToken("a JWT has three parts (signed) or five (encrypted), separated by dots; this has another number");
  if (found.isBare) return inspection;
  const note = "the token stood in other text; give that to token verify with --header, --query, --cookie or --body";
  return { ...inspection, notes: [note, ...inspection.notes] };
}

function notAToken(message: string): Failure {
  return new Failure({ code: "NOT_A_TOKEN", message }, EXIT.negative);
}
