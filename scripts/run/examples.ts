import { address, type Settings } from "./settings.ts";

const SERVICE = "signet.v1.TokenService";
const PROFILE = "service";
const AUDIENCE = "api://orders";

/** What a newcomer pastes next: issue a token into $TOKEN, verify it, see its event. Needs a POSIX shell and no jq. */
export function examples(settings: Settings, grpcurl: string | undefined, natsUrl: string | undefined): string {
  const calls = grpcurl === undefined ? bySignet(settings) : byGrpcurl(settings, grpcurl);
  const event =
    natsUrl === undefined
      ? "#    there is no NATS server: the event waits in the spool"
      : `npx signet audit tail --nats ${natsUrl} --last 5 --no-follow`;
  return [
    "",
    `Signet is ready: gRPC ${address(settings.grpc)}, HTTP ${address(settings.http)}, NATS ${natsUrl ?? "none"}.`,
    "Paste into another terminal, in this folder (Ctrl-C here stops everything):",
    "",
    "# 1. issue a token",
    calls.issue,
    "# 2. verify it",
    calls.verify,
    "# 3. see its audit event",
    event,
    "",
  ].join("\n");
}

function byGrpcurl({ grpc }: Settings, grpcurl: string) {
  const call = `${grpcurl} -plaintext -d`;
  const target = `${address(grpc)} ${SERVICE}`;
  const request = JSON.stringify({ profile: PROFILE, subject: "alice", audience: [AUDIENCE] });
  const token = `sed -n 's/.*"token": *"\\([^"]*\\)".*/\\1/p'`;
  const shown = JSON.stringify({ profile: PROFILE, audience: AUDIENCE, token: "TOKEN" });
  return {
    issue: `TOKEN=$(${call} '${request}' ${target}/IssueToken | tee -a /dev/stderr | ${token})`,
    verify: `${call} '${shown.replace("TOKEN", `'"$TOKEN"'`)}' ${target}/VerifyToken`,
  };
}

function bySignet({ grpc }: Settings) {
  const common = `${PROFILE} --address ${address(grpc)} --audience ${AUDIENCE}`;
  return {
    issue: `TOKEN=$(npx signet token issue ${common} --subject alice)`,
    verify: `echo "$TOKEN" | npx signet token verify ${common}`,
  };
}
