import type { Config } from "../../config/config.ts";
import type { Reread } from "../../files/watched-files.ts";
import { StartError } from "../../start-error.ts";
import { type CertificateReports, openCertificateFiles } from "../../tls/certificate-files.ts";
import { authorityValidity, ownValidity } from "../../tls/certificate-set.ts";
import type { CertificateSource } from "../../tls/certificate-source.ts";
import type { MinVersion } from "../../tls/secure-context.ts";
import type { Validity } from "../../x509/certificate-files.ts";
import type { Run } from "../run.ts";
import { openSvid } from "./svid.ts";

/** TLS of the listeners; undefined for one that serves plaintext. */
export interface Certificates {
  readonly grpc: Tls | undefined;
  readonly http: Tls | undefined;
}

interface Tls {
  readonly source: CertificateSource;
  readonly minVersion: MinVersion;
  /** Reads the files now; undefined where an agent sends the certificates. */
  readonly readNow?: () => Promise<Reread>;
}

/**
 * Reads the certificates of all listeners, and watches them.
 *
 * @throws StartError with all that is wrong with any of them.
 */
export async function openCertificates(run: Run): Promise<Certificates> {
  const { grpc, http } = run.config;
  const opened = await Promise.allSettled([openTls(run, "grpc.tls", grpc.tls), openTls(run, "http.tls", http.tls)]);
  const [ofGrpc, ofHttp] = opened;
  if (ofGrpc.status === "fulfilled" && ofHttp.status === "fulfilled") return { grpc: ofGrpc.value, http: ofHttp.value };
  const errors = opened.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  const messages = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  throw new StartError("UNUSABLE_CERTIFICATES", messages.join("; "), { cause: errors[0] });
}

/** The validity of each certificate at `now` (Unix milliseconds), with its place in the configuration. */
export function validitiesOf({ grpc, http }: Certificates, now: number): (Validity & { readonly place: string })[] {
  return Object.entries({ grpc, http }).flatMap(([place, tls]) => {
    if (tls === undefined) return [];
    const authorities = authorityValidity(tls.source.current, now);
    const ofAuthorities = authorities === undefined ? [] : [{ place: `${place}_client_ca`, ...authorities }];
    return [{ place, ...ownValidity(tls.source.current) }, ...ofAuthorities];
  });
}

/** Reads the files of the listeners now. By section of the configuration; one without files is left out. */
export async function rereadCertificates({ grpc, http }: Certificates): Promise<Record<string, Reread>> {
  const outcomes: Record<string, Reread> = {};
  for (const [section, tls] of Object.entries({ "grpc.tls": grpc, "http.tls": http }))
    if (tls?.readNow !== undefined) outcomes[section] = await tls.readNow();
  return outcomes;
}

async function openTls(
  run: Run,
  section: string,
  tls: Config["grpc"]["tls"] | Config["http"]["tls"],
): Promise<Tls | undefined> {
  if (tls === undefined) return undefined;
  const { now, log, endings } = run;
  const reports: CertificateReports = {
    onUse: () => log("info", { type: "certificates.reloaded", section }),
    onRefused: (error) => log("warn", { type: "certificates.refused", section, error }),
  };
  if (tls.cert === undefined) return { source: await openSvid(run, reports), minVersion: tls.minVersion };
  const source = await openCertificateFiles(section, tls, now, reports);
  endings.add(() => source.stop());
  return { source, minVersion: tls.minVersion, readNow: source.readNow };
}
