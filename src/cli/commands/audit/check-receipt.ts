import { createReadStream } from "node:fs";
import type { Command } from "commander";
import { checkReceipt, type ProvenEvent, ReceiptError } from "../../../audit/receipt/check-receipt.ts";
import { counted } from "../../../counted.ts";
import { fileErrorOf } from "../../../files/file-error.ts";
import { EXIT, Failure, usageError } from "../../failure.ts";
import { nameOf } from "../../input/audit-files.ts";
import { readPolicy } from "../../input/log-policy.ts";
import { moreHelp } from "../../input/more-help.ts";
import { filePath } from "../../input/options.ts";
import { readAll } from "../../input/read-value.ts";
import type { Io } from "../../io.ts";
import { printable, safeJson } from "../../output/safe-text.ts";

interface CheckOptions {
  readonly policy: string;
  readonly json?: boolean;
}

/** More than any receipt has: an event of 1 MiB in base64. */
const MAX_BYTES = 2 * 1024 ** 2;

export function addAuditCheckReceipt(audit: Command, io: Io): void {
  audit
    .command("check-receipt <file>")
    .description(
      "check offline that the token, or key, of a receipt was logged, and print what was logged (- for standard input)",
    )
    .requiredOption(
      "--policy <file>",
      "the logs to trust and their keys, a C2SP tlog-policy: signet audit keys",
      filePath,
    )
    .option("--json", "print the event, byte for byte as it was logged")
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet audit check-receipt --policy audit.policy token.tlog-proof"],
        notes: [
          "It asks nobody: the policy has the public keys of the logs. The receipt proves that the event is in the log, " +
            "and so that Signet said that it issued the token. It does not say whether the token was revoked since.",
        ],
        exitCodes: {
          0: "the token, or key, was logged",
          1: "the receipt proves nothing",
          2: "wrong usage, or an unreadable file",
        },
      }),
    )
    .action((file: string, options: CheckOptions) => check(file, options, io));
}

async function check(file: string, { policy, json }: CheckOptions, io: Io): Promise<void> {
  const logs = await readPolicy(policy);
  const receipt = await readReceipt(file, io);
  try {
    const proven = checkReceipt(receipt, logs);
    io.stdout.write(json ? `${safeJson(JSON.stringify(proven.event))}\n` : sheet(proven));
  } catch (error) {
    if (!(error instanceof ReceiptError)) throw error;
    throw new Failure({ code: error.code, message: error.message }, EXIT.negative);
  }
}

function sheet(proven: ProvenEvent): string {
  const { event, origin, index, size } = proven;
  const facts = {
    ...(proven.tokenId === undefined ? keyFacts(proven) : tokenFacts(proven)),
    event: event.eventId,
    log: `${origin}, index ${index}, by a checkpoint of ${counted(size, "event")}`,
  };
  const lines = Object.entries(facts).flatMap(([name, value]) =>
    typeof value === "string" ? [`${name.padEnd(10)} ${printable(value)}\n`] : [],
  );
  return `${lines.join("")}logged\n`;
}

function tokenFacts({ tokenId, event }: ProvenEvent): Readonly<Record<string, unknown>> {
  const issued: Readonly<Record<string, unknown>> = Object(event.tokenIssued);
  const { profile, issuedAt, keyId, caller } = issued;
  return { token: tokenId, profile, "issued at": issuedAt, key: keyId, caller };
}

function keyFacts({ publicKeyId, event }: ProvenEvent): Readonly<Record<string, unknown>> {
  const published: Readonly<Record<string, unknown>> = Object(event.keyPublished);
  const { keyset, profile, tenant, algorithm, signsFrom, jwk } = published;
  return { key: publicKeyId, keyset, profile, tenant, algorithm, "signs from": signsFrom, jwk: JSON.stringify(jwk) };
}

async function readReceipt(path: string, io: Io): Promise<Buffer> {
  try {
    return await readAll(path === "-" ? io.stdin : createReadStream(path), MAX_BYTES, nameOf(path));
  } catch (error) {
    const cause = fileErrorOf(path, error);
    if (cause instanceof Failure) throw cause;
    throw usageError(cause instanceof Error ? cause.message : String(cause));
  }
}
