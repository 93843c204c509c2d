import { type Command, Option } from "commander";
import type { Config } from "../../../config/config.ts";
import { EXIT, usageError } from "../../failure.ts";
import { jsonObject } from "../../input/claims.ts";
import { moreHelp } from "../../input/more-help.ts";
import { duration } from "../../input/options.ts";
import { type PolicyOptions, policyOptions, withPolicy } from "../../input/policy.ts";
import { readValue } from "../../input/read-value.ts";
import type { Exit, Io } from "../../io.ts";
import { loadOrFail } from "../../load-config.ts";
import { type Decided, decidedJson, decidedText } from "../../output/decision.ts";
import { printableJson } from "../../output/safe-text.ts";

interface CheckOptions extends PolicyOptions {
  readonly caller: string;
  readonly proof?: "mtls" | "jwt-svid";
  readonly callerAddress?: string;
  readonly method: string;
  readonly profile?: string;
  readonly tenant?: string;
  readonly audience?: readonly string[];
  readonly subject?: string;
  readonly ttl?: string;
  readonly claims?: string;
  readonly needs?: readonly string[];
  readonly json?: boolean;
}

export function addAccessCheck(access: Command, io: Io, exit: Exit): void {
  policyOptions(access.command("check"))
    .description("say whether a call would be allowed, by which rule, or what in each rule of the caller denies it")
    .requiredOption("--caller <name>", "the name of the caller")
    .addOption(new Option("--proof <proof>", "how a SPIFFE id is proven").choices(["mtls", "jwt-svid"]))
    .option("--caller-address <ip>", "the IP address of the caller, for conditions")
    .requiredOption("--method <method>", "the method, such as IssueToken")
    .option("--profile <profile>", "the profile that the request names")
    .option("--tenant <tenant>", "the tenant that the request names")
    .option("--audience <audience...>", "the audience that the request names; several are allowed")
    .option("--subject <subject>", "the subject that the request names")
    .option("--ttl <duration>", "the lifetime that the request names", (text) => `${duration(text)}ms`)
    .option("--claims <json>", "the request object: JSON, @file, or - for standard input")
    .option("--needs <permission...>", "what it needs beyond its method: verify_at, diagnosis")
    .option("--json", "print the decision as JSON")
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet access check --caller loopback --method ListKeys",
          "signet access check --policy policy.yaml --caller dns:orders.example.org --method VerifyToken --profile service",
        ],
        notes: ["It uses the code of the service, and needs no running one. The policy: docs/access.md."],
        exitCodes: {
          0: "allowed",
          1: "denied, or the policy has faults",
          2: "wrong usage",
        },
      }),
    )
    .action(async (options: CheckOptions) => {
      const decided = await decide(options, io);
      io.stdout.write(options.json ? `${printableJson(decidedJson(decided))}\n` : decidedText(decided));
      exit(decided.decision.allowed ? EXIT.ok : EXIT.negative);
    });
}

async function decide(options: CheckOptions, io: Io): Promise<Decided> {
  const config = await loadOrFail(options.config, withPolicy(options, io.env), EXIT.negative);
  const { caller, question } = await callIn(options, config, io);
  const decide = (policy: Config["policy"]) => ({
    policy,
    decision: policy.decide(caller, question),
    rules: policy.explain(caller, question),
  });
  return { ...decide(config.policy), shadow: config.shadow && decide(config.shadow) };
}

async function callIn(options: CheckOptions, { profiles }: Config, io: Io) {
  // Imported late, as the configuration is.
  const [{ callOf, sampleFaults }, { METHODS, PERMISSIONS }] = await Promise.all([
    import("../../../access/sample-call.ts"),
    import("../../../access/question.ts"),
  ]);
  const {
    config: _config,
    policy: _policy,
    json: _json,
    callerAddress: address = "",
    claims,
    needs,
    ...given
  } = options;
  const method = oneOf(METHODS, given.method, "--method");
  const permissions = needs?.map((need) => oneOf(PERMISSIONS, need, "--needs"));
  const object = claims === undefined ? undefined : jsonObject(await readValue(claims, io, "the claims"), "--claims");
  const sample = {
    ...given,
    method,
    address,
    ...(permissions && { needs: permissions }),
    ...(object && { claims: object }),
  };
  const faults = sampleFaults(sample, profiles);
  if (faults.length > 0) throw usageError(faults.map(({ key, message }) => `--${key} ${message}`).join("; "));
  return callOf(sample);
}

function oneOf<T extends string>(known: readonly T[], text: string, option: string): T {
  const found = known.find((name) => name === text);
  if (found === undefined) throw usageError(`${option} must be one of ${known.join(", ")}`);
  return found;
}
