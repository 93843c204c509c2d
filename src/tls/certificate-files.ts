import {
  type FileContents,
  type FileSet,
  type FileWatch,
  readFileSet,
  startFileWatch,
} from "../files/watched-files.ts";
import { type CertificateSet, checkCertificates } from "./certificate-set.ts";
import { type CertificateSource, createCertificateSource } from "./certificate-source.ts";

/** The paths of a listener's files, in PEM. */
export interface CertificatePaths {
  readonly cert: string;
  readonly key: string;
  /** Without it, no client is asked for a certificate. */
  readonly clientCa?: string | undefined;
}

export interface CertificateReports {
  /** A new set is in use. */
  readonly onUse: () => void;
  /** A set was not used, and the one before it stays. MUST NOT throw. */
  readonly onRefused: (error: unknown) => void;
}

type Name = "cert" | "key" | "ca";

/** How long until a set that was refused is tried again: its certificate may only become valid. */
const TRY_AGAIN_MS = 60_000;

/**
 * Reads the certificates of the listener `section` of the configuration. `now` is in Unix milliseconds.
 *
 * @throws FileError, CertificateError: they can't be used.
 */
export async function readCertificateFiles(
  section: string,
  paths: CertificatePaths,
  now: number,
): Promise<CertificateSet> {
  return checkCertificates(await readFileSet(filesOf(paths)), namesOf(section, paths), now);
}

/**
 * Reads the certificates of a listener, and watches their files until `stop`. A set that is half written, wrong or
 * expired is reported, and the last good one stays in use.
 *
 * @throws FileError, CertificateError: the first set can't be used.
 */
export async function openCertificateFiles(
  section: string,
  paths: CertificatePaths,
  now: () => number,
  { onUse, onRefused }: CertificateReports,
): Promise<CertificateSource & FileWatch> {
  const [files, names] = [filesOf(paths), namesOf(section, paths)];
  const first = await readFileSet(files);
  const source = createCertificateSource(checkCertificates(first, names, now()));
  let refused: FileContents<Name> | undefined;

  function use(contents: FileContents<Name>): void {
    refused = contents;
    source.set(checkCertificates(contents, names, now()));
    refused = undefined;
    onUse();
  }

  function tryAgain(): void {
    try {
      if (refused !== undefined) use(refused);
    } catch {
      // It was reported when its files changed.
    }
  }

  const timer = setInterval(tryAgain, TRY_AGAIN_MS).unref();
  const watch = startFileWatch(files, first, { use, onError: onRefused });
  return {
    get current() {
      return source.current;
    },
    onChange: source.onChange,
    readNow: watch.readNow,
    stop() {
      clearInterval(timer);
      return watch.stop();
    },
  };
}

function filesOf({ cert, key, clientCa }: CertificatePaths): FileSet<Name> {
  return {
    cert: { path: cert, isSecret: false },
    key: { path: key, isSecret: true },
    ca: clientCa === undefined ? undefined : { path: clientCa, isSecret: false },
  };
}

function namesOf(section: string, { cert, key, clientCa }: CertificatePaths): Record<Name, string> {
  return {
    cert: `${section}.cert (${cert})`,
    key: `${section}.key (${key})`,
    ca: `${section}.client_ca (${clientCa})`,
  };
}
