import { readFile } from "node:fs/promises";
import { fetchDocument } from "./https-document.ts";
import { IssuerError } from "./issuer-error.ts";

/** Where an issuer publishes its keys, and how Signet gets there. */
export interface JwksSource {
  /** The exact `iss`. */
  readonly issuer: string;
  /** The address of the JWKS; undefined: the discovery document of the issuer names it. */
  readonly jwks: string | undefined;
  /** Hosts, with a port where it is not 443, that may have the keys besides that of the issuer. */
  readonly jwksHosts: readonly string[];
  /** Read again for each fetch, as are the token's: Kubernetes replaces both while it runs. */
  readonly caFile: string | undefined;
  readonly tokenFile: string | undefined;
}

/** For everything: the addresses, the connections, and both documents. */
const FETCH_MS = 5_000;
/** Longer than any token that a server takes. */
const MAX_TOKEN_LENGTH = 16_384;
/** RFC 6750, 2.1. Anything else could end the header. */
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Fetches the JWKS, within 5 seconds and until the signal aborts. Rejects with an {@link IssuerError}. */
export async function fetchJwks(source: JwksSource, signal: AbortSignal): Promise<Buffer> {
  const deadline = AbortSignal.any([AbortSignal.timeout(FETCH_MS), signal]);
  const access = { ca: await readCa(source.caFile), token: await readToken(source.tokenFile), deadline };
  if (source.jwks !== undefined) return fetchDocument(new URL(source.jwks), access);
  const discovery = new URL(`${source.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  const { jwks, isSameHost } = readDiscovery(await fetchDocument(discovery, access), source, discovery);
  // The token is for the issuer: no document may say who else gets it.
  return fetchDocument(jwks, isSameHost ? access : { ...access, token: undefined });
}

/**
 * The `jwks_uri` of a discovery document (OpenID Connect Discovery 1.0, 3). Its issuer must be the one that was asked
 * (4.3), and the keys must be where an operator has agreed to.
 */
function readDiscovery(document: Buffer, { issuer, jwksHosts }: JwksSource, { href, host }: URL) {
  const bad = (rule: string): IssuerError => new IssuerError("BAD_DISCOVERY", `${href}: ${rule}`);
  const found = parse(document);
  if (found?.issuer !== issuer) throw bad("its issuer must be the configured one");
  const jwks = URL.parse(String(found.jwks_uri));
  if (jwks?.protocol !== "https:" || jwks.username !== "" || jwks.password !== "")
    throw bad("its jwks_uri must be an https URL without a user");
  const isSameHost = jwks.host === host;
  if (!isSameHost && !jwksHosts.some((listed) => URL.parse(`https://${listed}`)?.host === jwks.host))
    throw bad("its jwks_uri must be on the issuer's host, or on one in jwks_hosts");
  return { jwks, isSameHost };
}

function parse(document: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(document.toString("utf8")) ?? undefined;
  } catch {
    return undefined;
  }
}

async function readCa(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : read(path);
}

/** Kubernetes projects a token with mode 0644 into the container, so its mode is not judged. */
async function readToken(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const token = (await read(path)).toString("latin1").trim();
  if (token.length > MAX_TOKEN_LENGTH || !B64TOKEN.test(token))
    throw new IssuerError("BAD_FILE", `${path} does not hold a bearer token`);
  return token;
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new IssuerError("BAD_FILE", `${path} can't be read: ${code}`, { cause });
  }
}
