import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import {
  ImportKeyRequest,
  ImportKeyResponse,
  KeyServiceClient,
  secretEncodingFromJSON,
} from "../../../gen/signet/v1/keys.ts";
import { ALGORITHMS } from "../../../keys/model.ts";
import { call } from "../../client.ts";
import { usageError } from "../../failure.ts";
import { keyId, profileName } from "../../input/arguments.ts";
import { moreHelp } from "../../input/more-help.ts";
import { duration, type RpcOptions, rpcOptions } from "../../input/options.ts";
import { readStdin } from "../../input/read-value.ts";
import type { Io } from "../../io.ts";
import { durationMessage, protoJsonText } from "../../output/proto-json.ts";
import { when } from "../../output/relative-time.ts";
import { printable } from "../../output/safe-text.ts";

interface ImportOptions extends RpcOptions {
  readonly profile: string;
  readonly tenant?: string;
  readonly algorithm?: string;
  readonly encoding?: string;
  readonly keyId?: string;
  readonly overlap?: number;
  readonly allowWeak?: boolean;
  readonly secretFile?: string;
}

const ENCODINGS = ["utf8", "base64", "base64url", "hex"];

export function addKeysImport(keys: Command, io: Io): void {
  const command = keys
    .command("import")
    .description("import a vendor's secret or private key from a file or standard input; prints its key id")
    .requiredOption("--profile <profile>", "the profile that signs and verifies with the key")
    .option("--tenant <tenant>", "the tenant of the key, if the profile has tenants")
    .addOption(
      new Option("--algorithm <algorithm>", "what the key is for (default: the profile's only algorithm)").choices(
        ALGORITHMS,
      ),
    )
    .addOption(
      new Option(
        "--encoding <encoding>",
        "how to decode the text of a secret; a private key has none: it is in PEM, or a JWK",
      ).choices(ENCODINGS),
    )
    .option("--key-id <kid>", "the kid that the vendor uses (default: that of the JWK, or a random one)", keyId)
    .option(
      "--overlap <duration>",
      "how long earlier keys still verify; 0 for not at all (default: as long as their tokens can be valid)",
      duration,
    )
    .option("--allow-weak", "import the key even if it is weak; the exception is audited")
    .option("--secret-file <file>", "the file with the secret or private key (default: standard input)");
  rpcOptions(command, io)
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet keys import --profile viasocket --encoding utf8 --secret-file access-key",
          "vault read -field=key kv/acme | " +
            "signet keys import --profile hivekit --tenant acme --encoding base64 --key-id k2",
          "signet keys import --profile jaas --algorithm RS256 --key-id vpaas-magic-cookie-1fc5/4f4910 " +
            "--secret-file key.pem",
        ],
        notes: [
          "Weak keys are placeholders, published samples, public keys, certificates, tokens, and secrets that are " +
            "short or have a pattern. See docs/operations.md#imported-keys.",
        ],
      }),
    )
    .action((options: ImportOptions) => importKey(options, io));
}

async function importKey(options: ImportOptions, io: Io): Promise<void> {
  const request = ImportKeyRequest.fromPartial({
    profile: profileName(options.profile),
    tenant: options.tenant ?? "",
    secret: await readSecret(options, io),
    algorithm: options.algorithm ?? "",
    encoding: secretEncodingFromJSON(`SECRET_ENCODING_${(options.encoding ?? "unspecified").toUpperCase()}`),
    keyId: options.keyId ?? "",
    overlap: options.overlap === undefined ? undefined : durationMessage(options.overlap),
    allowWeak: options.allowWeak ?? false,
  });
  const answer = await call<KeyServiceClient, ImportKeyResponse>(io, KeyServiceClient, options, (client, ...rest) =>
    client.importKey(request, ...rest),
  );
  if (options.json) io.stdout.write(protoJsonText(ImportKeyResponse, answer));
  else show(answer, io);
}

/** The key is never an argument: other users can read the arguments of a process, and shells keep a history. */
async function readSecret({ secretFile }: ImportOptions, io: Io): Promise<string> {
  const text = await (secretFile === undefined ? readStdin(io, "the secret") : readSecretFile(secretFile));
  const secret = text.replace(/\r?\n$/, "");
  if (secret !== text) io.stderr.write("notice: the line break at the end is not part of the secret\n");
  return secret;
}

async function readSecretFile(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    // Without the name: an operator may have passed the secret itself.
    throw usageError(`cannot read the file of --secret-file: ${error.code ?? "unknown error"}`);
  });
}

function show({ key, overlapping, overlapUntil, warnings }: ImportKeyResponse, io: Io): void {
  const { keyId = "", algorithm = "", byteLength = 0, fingerprint = "" } = key ?? {};
  const earlier = overlapUntil
    ? `earlier keys that still verify: ${overlapping}, until ${when(overlapUntil, io.now())}`
    : "no earlier key verifies";
  const look = `${printable(algorithm)}, ${byteLength} bytes, fingerprint ${printable(fingerprint)}`;
  io.stderr.write(`signs now: ${look}; ${earlier}\n`);
  for (const warning of warnings) io.stderr.write(`warning: ${printable(warning)}\n`);
  io.stdout.write(`${printable(keyId)}\n`);
}
