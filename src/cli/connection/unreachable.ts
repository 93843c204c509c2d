import { connect } from "node:tls";
import { type ServiceError, status } from "@grpc/grpc-js";
import { isLoopback } from "../../config/check-listeners.ts";
import { EXIT, Failure } from "../failure.ts";
import { hostOf, optionName, portOf, type Target, type Transport } from "./target.ts";
import type { TlsCredentials } from "./tls-credentials.ts";

/** The longest wait for a server to show that it speaks TLS. */
const PROBE_MS = 1_000;

/** A server is there, and it and this client do not agree about TLS. */
export class TlsFailure extends Failure {}

/** The failure of a call for which there was no connection: why, and what to change. The cause is kept. */
export async function unreachable(
  error: ServiceError,
  target: Target,
  transport: Transport,
  tls: TlsCredentials | undefined,
): Promise<Failure> {
  const code = status[error.code] ?? String(error.code);
  const refused = tls?.failure;
  const options = { cause: refused ?? error };
  const fault =
    (refused && handshakeFault(refused, target)) ??
    (transport === "plaintext" && (await speaksTls(target))
      ? `${target.address} speaks TLS: give its CA with ${optionName("ca")}`
      : undefined);
  if (fault !== undefined) return new TlsFailure({ code, message: fault }, EXIT.failed, options);
  const message = `no Signet answers at ${target.address}: ${reasonOf(error)}${adviceFor(target, transport)}`;
  return new Failure({ code, message }, EXIT.failed, options);
}

/** The library's own reason, without its measurements of the call. */
function reasonOf({ details }: ServiceError): string {
  const last = /Last error: (?:Error: )?(.*?)\. Resolution note:/s.exec(details)?.[1];
  return last || details.replace(/^(Deadline exceeded)\b.*/s, "$1");
}

/** Nobody can start a server on another machine from here. */
function adviceFor({ address }: Target, transport: Transport): string {
  if (transport !== "unix" && !isLoopback(address)) return "";
  return " (signet serve starts one, or make run in a checkout)";
}

/** What the error of a handshake means, followed by the error's own text; undefined where no TLS was spoken at all. */
function handshakeFault(error: NodeJS.ErrnoException, target: Target): string | undefined {
  const meaning = meaningOf(error.code ?? "", target);
  return meaning && `no TLS connection to ${target.address}: ${meaning} (${ownText(error)})`;
}

function meaningOf(code: string, { ca, cert, serverName, address }: Target): string | undefined {
  switch (code) {
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "CERT_SIGNATURE_FAILURE":
      return ca === undefined
        ? `no CA of this system signed the server's certificate: give its CA with ${optionName("ca")}`
        : `no CA in ${ca} signed the server's certificate`;
    case "CERT_HAS_EXPIRED":
      return "the server's certificate has expired";
    case "CERT_NOT_YET_VALID":
      return "the server's certificate is not valid yet: compare the clocks";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return (
        `the server's certificate is not for ${serverName ?? hostOf(address)}: name what it is for with ` +
        optionName("serverName")
      );
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return "the server does not speak TLS";
    case "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION":
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
      return "the server does not speak TLS 1.3";
    case "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED":
      return `the server demands a certificate: give ${optionName("cert")} and ${optionName("key")}`;
    case "ECONNREFUSED":
    case "ECONNRESET":
      return undefined;
    default:
      return cert === undefined ? "the handshake failed" : `the handshake failed, with the certificate of ${cert}`;
  }
}

/**
 * OpenSSL's message holds addresses of its memory and source files; its reason does not. Of a certificate Node's message
 * goes on with advice to start Node differently.
 */
function ownText({ message, code, ...error }: NodeJS.ErrnoException & { readonly reason?: string }): string {
  const [fact = message] = message.split("; if the root CA is installed locally");
  return [error.reason ?? fact, code].join(", ");
}

/** Whether a server on loopback answers a TLS handshake; no data is sent to it. */
function speaksTls({ address }: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostOf(address), port: portOf(address), rejectUnauthorized: false });
    const end = (speaks: boolean) => {
      socket.destroy();
      resolve(speaks);
    };
    socket.setTimeout(PROBE_MS, () => end(false));
    socket.once("secureConnect", () => end(true));
    socket.once("error", () => end(false));
  });
}
