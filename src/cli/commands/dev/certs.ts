import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { createFile, replaceFile } from "../../../files/durable.ts";
import { FileError } from "../../../files/file-error.ts";
import { createFolder } from "../../../files/private-path.ts";
import { isDnsName } from "../../connection/target.ts";
import { type AlternativeName, type CertifiedKey, createAuthority } from "../../dev/authority.ts";
import { usageError } from "../../failure.ts";
import { moreHelp } from "../../input/more-help.ts";
import type { Io } from "../../io.ts";
import { printable, printableJson } from "../../output/safe-text.ts";

interface CertsOptions {
  readonly out: string;
  readonly name: readonly string[];
  readonly days: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

const DAY_MS = 86_400_000;
/** Clocks differ: a certificate that begins now would not be valid everywhere yet. */
const HEAD_START_MS = 3_600_000;
const MAX_DAYS = 365;

/** The callers: two prove a SPIFFE ID, and one a DNS name. */
const CALLERS = [
  { file: "shop", name: { type: "url", value: "spiffe://example.org/shop" }, caller: "spiffe://example.org/shop" },
  { file: "gateway", name: { type: "dns", value: "gateway.example.org" }, caller: "dns:gateway.example.org" },
  {
    file: "operator",
    name: { type: "url", value: "spiffe://example.org/operator" },
    caller: "spiffe://example.org/operator",
  },
] as const;

/** What the callers may do, and nobody else. */
const POLICY = `groups:
  shop:
    callers: ["spiffe://example.org/shop"]
    rules:
      - { methods: [IssueToken], profiles: [service], subjects: any }
      - { methods: [VerifyToken, GetProfile], profiles: [service] }
      - { methods: [GetJwks, ListKeys, ListProfiles] }
  gateway:
    callers: ["dns:gateway.example.org"]
    rules:
      - { methods: [VerifyToken], profiles: [service] }
  operators:
    callers: ["spiffe://example.org/operator"]
    rules:
      - { methods: [RevokeTokens, RevokeKey], profiles: any }
      - { methods: [ListKeys, PlanRotation, RotateKeys] }
`;

const LOCAL_NAMES = ["localhost", "127.0.0.1", "::1"];

export function addDevCerts(dev: Command, io: Io): void {
  dev
    .command("certs")
    .description("make certificates to try mTLS with: a CA, a server and three callers, and a policy for these")
    .option("--out <dir>", "the folder of the files", "certs")
    .option("--name <name...>", "more DNS names and IP addresses of the server", serverName)
    .option("--days <count>", `how long they are valid, 1 to ${MAX_DAYS}`, days, 30)
    .option("--force", "replace certificates and keys that are there, and keep the policy")
    .option("--json", "print what was made as JSON")
    .addHelpText(
      "after",
      moreHelp({
        examples: ["signet dev certs", "signet dev certs --out certs --name signet.example 192.0.2.1"],
        notes: [
          "The callers are spiffe://example.org/shop, dns:gateway.example.org, and spiffe://example.org/operator, which " +
            "may revoke and rotate. Each has a file NAME.crt and a key NAME.key, which only you can read. ca.key can " +
            "make any caller: keep such a CA away from production.",
        ],
        exitCodes: {
          0: "done",
          2: "wrong usage, or something is there already",
        },
      }),
    )
    .action((options: CertsOptions) => makeCertificates(options, io));
}

async function makeCertificates({ out, name = [], days, force = false, json }: CertsOptions, io: Io): Promise<void> {
  const names = [...new Set([...LOCAL_NAMES, ...name])];
  const certified = ["ca", "server", ...CALLERS.map(({ file }) => file)];
  const files = certified.flatMap((file) => [`${file}.crt`, `${file}.key`]);
  const present = [...files, "policy.yaml"].filter((file) => existsSync(join(out, file)));
  if (present.length > 0 && !force)
    throw usageError(`${out} has ${present.join(", ")}: nothing was changed; --force replaces certificates and keys`);
  const notAfter = new Date(io.now() + days * DAY_MS);
  const authority = await createAuthority("Signet development", {
    notBefore: new Date(io.now() - HEAD_START_MS),
    notAfter,
  });
  const made: [file: string, certified: CertifiedKey][] = [
    ["ca", authority],
    ["server", await authority.issue("server", names.map(alternativeName))],
  ];
  for (const { file, name } of CALLERS) made.push([file, await authority.issue("client", [name])]);
  await writeAll(out, made, force).catch((error: unknown) => {
    throw error instanceof FileError ? usageError(error.message) : error;
  });
  io.stdout.write(json ? jsonText(out, names, notAfter) : text(out, names, notAfter));
}

async function writeAll(
  folder: string,
  made: readonly [file: string, certified: CertifiedKey][],
  force: boolean,
): Promise<void> {
  createFolder(folder);
  for (const [file, { cert, key }] of made) {
    await write(folder, `${file}.key`, key, force);
    await write(folder, `${file}.crt`, cert, force);
  }
  // It may have been edited.
  if (!existsSync(join(folder, "policy.yaml"))) await write(folder, "policy.yaml", POLICY, force);
}

/** With mode 0600. */
function write(folder: string, name: string, content: string, force: boolean): Promise<void> {
  return force ? replaceFile(folder, name, content) : createFile(join(folder, name), content);
}

function alternativeName(name: string): AlternativeName {
  return { type: isIP(name) === 0 ? "dns" : "ip", value: name };
}

function serverName(text: string, before: readonly string[] = []): string[] {
  if (isIP(text) === 0 && !isDnsName(text))
    throw new InvalidArgumentError("Allowed: a DNS name such as signet.example, or an IP address.");
  return [...before, text];
}

function days(text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > MAX_DAYS) throw new InvalidArgumentError(`Allowed: a whole number from 1 to ${MAX_DAYS}.`);
  return number;
}

function jsonText(folder: string, serverNames: readonly string[], notAfter: Date): string {
  const callers = Object.fromEntries(CALLERS.map(({ file, caller }) => [file, caller]));
  return `${printableJson({ folder, notAfter, serverNames, callers })}\n`;
}

function text(folder: string, names: readonly string[], notAfter: Date): string {
  const path = (file: string) => join(folder, file);
  const [shop] = CALLERS;
  const own = (file: string) => `${path(`${file}.crt`)} with its ${file}.key`;
  const lines = [
    `Valid until ${notAfter.toISOString()}, in files that only you can read:`,
    `  the CA        ${own("ca")}`,
    `  the server    ${own("server")}: ${names.join(", ")}`,
    ...CALLERS.map(({ file, caller }) => `  a caller      ${own(file)}: ${caller}`),
    `  a policy      ${path("policy.yaml")}, which lets these callers issue, verify and revoke`,
    "",
    "Serve with them; the variables stand for keys of the configuration:",
    `  export SIGNET_GRPC_TLS_SOURCE=files SIGNET_GRPC_TLS_CLIENT_CA=${path("ca.crt")}`,
    `  export SIGNET_ACCESS_POLICY=${path("policy.yaml")} SIGNET_CALLERS_TRUST_DOMAINS=example.org`,
    `  export SIGNET_GRPC_TLS_CERT=${path("server.crt")} SIGNET_GRPC_TLS_KEY=${path("server.key")}`,
    `Call as ${shop.caller}:`,
    `  export SIGNET_CA=${path("ca.crt")} SIGNET_CERT=${path("shop.crt")} SIGNET_KEY=${path("shop.key")}`,
    `  grpcurl -cacert ${path("ca.crt")} -cert ${path("shop.crt")} -key ${path("shop.key")} 127.0.0.1:50051 list`,
  ];
  return `${lines.map(printable).join("\n")}\n`;
}
