import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { FileError } from "../files/file-error.ts";
import { readFileSet } from "../files/watched-files.ts";
import { StartError } from "../start-error.ts";
import { readCertificates } from "../x509/certificate-files.ts";
import type { Libraries } from "./libraries.ts";

/** Where spans are sent. */
export interface Collector {
  /** The URL of OTLP over HTTP, with its path. */
  readonly endpoint: string;
  /** A file with headers, one `name: value` a line. Secret, and read for each export. */
  readonly headersFile: string | undefined;
  /** The CAs that prove the collector, in PEM. */
  readonly caFile: string | undefined;
  /** What proves this client to the collector, in PEM: its certificate, and the private key. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** RFC 9110, 5.6.2 and 5.5. */
const HEADER = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\x20-\x7e]+)$/;

/**
 * The exporter to the collector: protobuf over HTTP. The `OTEL_EXPORTER_OTLP_` variables of headers, time-out and
 * compression apply. Rejects with the StartError TRACES_FILES.
 */
export async function openExporter(
  { endpoint, headersFile, ...files }: Collector,
  { OTLPTraceExporter }: Pick<Libraries, "OTLPTraceExporter">,
): Promise<SpanExporter> {
  if (headersFile !== undefined) await readHeaders(headersFile);
  return new OTLPTraceExporter({
    url: endpoint,
    ...(headersFile === undefined ? {} : { headers: () => readHeaders(headersFile) }),
    httpAgentOptions: { ...(await readTlsFiles(files)), keepAlive: true },
  });
}

/** What the agent of Node connects with, as it may be under TLS. */
async function readTlsFiles({ caFile, certFile, keyFile }: Pick<Collector, "caFile" | "certFile" | "keyFile">) {
  const files = {
    ca: caFile === undefined ? undefined : await read("traces.ca_file", caFile),
    cert: certFile === undefined ? undefined : await read("traces.cert_file", certFile),
    key: keyFile === undefined ? undefined : await read("traces.key_file", keyFile, true),
  };
  const names = {
    ca: `traces.ca_file ${caFile}`,
    cert: `traces.cert_file ${certFile}`,
    key: `traces.key_file ${keyFile}`,
  };
  const { pem, faults } = readCertificates(files, names);
  if (faults.length > 0) throw new StartError("TRACES_FILES", faults.join("; "));
  return pem;
}

async function readHeaders(path: string): Promise<Record<string, string>> {
  const lines = (await read("traces.headers_file", path, true)).toString("latin1").split(/\r?\n/);
  const headers = lines.flatMap((line, at) => {
    if (line.trim() === "") return [];
    const [, name = "", value = ""] = HEADER.exec(line.trimEnd()) ?? [];
    if (name === "")
      throw new StartError("TRACES_FILES", `traces.headers_file ${path}: line ${at + 1} must be NAME: VALUE, in ASCII`);
    return [[name, value]];
  });
  return Object.fromEntries(headers);
}

async function read(key: string, path: string, isSecret = false): Promise<Buffer> {
  try {
    const { file } = await readFileSet({ file: { path, isSecret } });
    return file ?? Buffer.alloc(0);
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause;
    throw new StartError("TRACES_FILES", `${key} ${cause.message}`, { cause });
  }
}
