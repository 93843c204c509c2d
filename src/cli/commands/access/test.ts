import type { Command } from "commander";
import { counted } from "../../../counted.ts";
import { EXIT } from "../../failure.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type PolicyOptions, policyOptions, withPolicy } from "../../input/policy.ts";
import type { Io } from "../../io.ts";
import { loadOrFail } from "../../load-config.ts";
import { printable, printableJson } from "../../output/safe-text.ts";

interface TestOptions extends PolicyOptions {
  readonly json?: boolean;
}

export function addAccessTest(access: Command, io: Io): void {
  policyOptions(access.command("test"))
    .description("check a policy together with the profiles, and run the tests in it")
    .option("--json", "print what was checked as JSON")
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet access test --policy policy.yaml"],
        notes: ["Every load of the policy does the same. It needs no running service."],
        exitCodes: {
          0: "no faults, and no test fails",
          1: "faults",
          2: "wrong usage",
        },
      }),
    )
    .action((options: TestOptions) => test(options, io));
}

async function test(options: TestOptions, io: Io): Promise<void> {
  // A test that fails is a fault of the load.
  const { policy } = await loadOrFail(options.config, withPolicy(options, io.env), EXIT.negative);
  const { file, digest, tests } = policy;
  if (options.json) io.stdout.write(`${printableJson({ file, digest, tests })}\n`);
  else io.stdout.write(`ok  ${printable(file)}  ${counted(tests, "test")}\n`);
}
