import { callerFiles } from "./certificates.ts";
import type { Nats } from "./nats.ts";
import { address, type Settings } from "./settings.ts";

const SERVICE = "signet.v1.TokenService";
const PROFILE = "service";
const AUDIENCE = "api://orders";

/** The commands to paste next: issue a token into $TOKEN, verify it, see its event. They need a POSIX shell, no jq. */
export function examples(
  settings: Settings,
  grpcurl: string | undefined,
  nats: Pick<Nats, "url" | "users"> | undefined,
): string {
  const calls = grpcurl === undefined ? bySignet(settings) : byGrpcurl(settings, grpcurl);
  const event =
    nats === undefined
      ? "#    there is no NATS server: the event waits in the spool"
      : `npx signet audit tail --nats ${nats.url}${auditorOf(nats)} --last 5 --no-follow`;
  return [
    "",
    ready(settings, nats?.url),
    "Paste into another terminal, in this folder (Ctrl-C here stops everything):",
    "",
    "# 1. issue a token",
    calls.issue,
    settings.replicas.length === 1 ? "# 2. verify it" : "# 2. verify it, on another replica",
    calls.verify,
    "# 3. see its audit event",
    event,
    "",
  ].join("\n");
}

function auditorOf({ users }: Pick<Nats, "users">): string {
  if (users === undefined) return "";
  return ` --user-file ${quoted(users.auditor.user)} --password-file ${quoted(users.auditor.password)}`;
}

/** A path as a POSIX shell reads it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function ready({ replicas }: Settings, natsUrl = "none"): string {
  const [first] = replicas;
  if (replicas.length === 1)
    return `Signet is ready: gRPC ${address(first.grpc)}, HTTP ${address(first.http)}, NATS ${natsUrl}.`;
  const lines = replicas.map(
    ({ number, grpc, http, data }) => `  ${number}  gRPC ${address(grpc)}  HTTP ${address(http)}  data ${data}`,
  );
  return [`${replicas.length} replicas of Signet are ready, on NATS ${natsUrl}:`, ...lines].join("\n");
}

/** With several replicas, one issues and another verifies. */
function addresses({ replicas }: Settings) {
  const [first, second = first] = replicas;
  return { issuer: address(first.grpc), verifier: address(second.grpc) };
}

function byGrpcurl(settings: Settings, grpcurl: string) {
  const { issuer, verifier } = addresses(settings);
  const call = `${grpcurl} ${security(settings)} -d`;
  const request = JSON.stringify({ profile: PROFILE, subject: "alice", audience: [AUDIENCE] });
  const token = `sed -n 's/.*"token": *"\\([^"]*\\)".*/\\1/p'`;
  const presented = JSON.stringify({ profile: PROFILE, audience: AUDIENCE, token: "TOKEN" });
  return {
    issue: `TOKEN=$(${call} '${request}' ${issuer} ${SERVICE}/IssueToken | tee -a /dev/stderr | ${token})`,
    verify: `${call} '${presented.replace("TOKEN", `'"$TOKEN"'`)}' ${verifier} ${SERVICE}/VerifyToken`,
  };
}

function security({ certs }: Settings): string {
  return certs === undefined ? "-plaintext" : options(certs, "-").replace("-ca ", "-cacert ");
}

/** The files of a caller, as options with these hyphens. */
function options(certs: string, hyphens: string): string {
  return Object.entries(callerFiles(certs))
    .map(([name, file]) => `${hyphens}${name} ${quoted(file)}`)
    .join(" ");
}

function bySignet(settings: Settings) {
  const { issuer, verifier } = addresses(settings);
  const proof = settings.certs === undefined ? "" : ` ${options(settings.certs, "--")}`;
  const common = (target: string) => `${PROFILE} --address ${target}${proof} --audience ${AUDIENCE}`;
  return {
    issue: `TOKEN=$(npx signet token issue ${common(issuer)} --subject alice)`,
    verify: `echo "$TOKEN" | npx signet token verify ${common(verifier)}`,
  };
}
