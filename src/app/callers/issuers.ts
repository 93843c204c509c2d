import { type CheckBearer, createBearer } from "../../callers/bearer.ts";
import { createHeldKeys, type HeldKeys } from "../../callers/held-keys.ts";
import type { IssuerKeys } from "../../callers/issuer-keys.ts";
import type { KeyRules } from "../../callers/jwks.ts";
import type { OwnTokens } from "../../callers/own-tokens.ts";
import { startPolledKeys } from "../../callers/polled-keys.ts";
import { SVID_ALGORITHMS, type Trust, trustInDomain, trustInIssuer } from "../../callers/trust.ts";
import type { Config } from "../../config/config.ts";
import { type FileContents, type FileSet, readFileSet, startFileWatch } from "../../files/watched-files.ts";
import { fetchJwks } from "../../issuers/jwks-source.ts";
import { importIssuerKey } from "../../jose/issuer-key.ts";
import { createWorkloadApi } from "../../spiffe/workload-api.ts";
import { createFailureFilter } from "../keys/keyring-events.ts";
import type { Run } from "../run.ts";

/** Begins to read the keys of the issuers whose tokens prove callers. None of them keeps the service from starting. */
export async function openIssuers(run: Run, own: OwnTokens): Promise<CheckBearer> {
  const { config, now } = run;
  const issuers = new Map<string, Trust>();
  for (const issuer of config.callers.issuers)
    issuers.set(issuer.issuer, trustInIssuer(issuer, await keysOf(issuer, run)));
  const { jwtSvid } = config.callers;
  const trustDomains = new Map<string, Trust>();
  if (jwtSvid !== undefined) {
    const { trustDomain, audience } = jwtSvid;
    trustDomains.set(trustDomain, trustInDomain(trustDomain, audience, await bundleOf(jwtSvid, run)));
  }
  return createBearer({ issuers, trustDomains, own, now });
}

async function keysOf(issuer: Config["callers"]["issuers"][number], run: Run): Promise<IssuerKeys> {
  const { alias, algorithms, file } = issuer;
  const { held, onError } = holdKeys(alias, { use: "sig", useOptional: true, algorithms }, run);
  if (file !== undefined) return watchFile(file, held, onError, run);
  const keys = startPolledKeys({ fetch: (signal) => fetchJwks(issuer, signal), held, now: run.now, onError });
  run.endings.add(() => keys.stop());
  return keys;
}

function bundleOf(svid: NonNullable<Config["callers"]["jwtSvid"]>, run: Run): IssuerKeys | Promise<IssuerKeys> {
  const { trustDomain, bundle } = svid;
  // The Workload API sends the keys for JWT-SVIDs alone, and SPIRE sends them without `use`.
  const rules = { use: "jwt-svid", useOptional: bundle === undefined, algorithms: SVID_ALGORITHMS } as const;
  const { held, onError } = holdKeys(trustDomain, rules, run);
  return bundle === undefined ? followBundle(trustDomain, held, onError, run) : watchFile(bundle, held, onError, run);
}

/** The keys of the trust domain that the SPIFFE Workload API sends. Bundles of other trust domains are left out. */
function followBundle(
  trustDomain: string,
  held: HeldKeys,
  onError: (error: unknown) => void,
  { config, endings }: Run,
): IssuerKeys {
  const api = createWorkloadApi(config.spiffeSocket);
  const stopping = new AbortController();
  const onMessage = ({ bundles }: { readonly bundles: Readonly<Record<string, Buffer>> }): void => {
    // Without one it is empty, and so is refused: those before it stay in use.
    held.replace(bundles[`spiffe://${trustDomain}`] ?? Buffer.alloc(0)).catch(onError);
  };
  const following = api.followJwtBundles({ onMessage, onError }, stopping.signal);
  endings.add(async () => {
    stopping.abort();
    await following;
    api.close();
  });
  return held;
}

/** Keys whose changes and failures are logged under the name of their issuer. */
function holdKeys(issuer: string, rules: KeyRules, { log, now }: Run) {
  const isNew = createFailureFilter(now);
  const held = createHeldKeys(rules, importIssuerKey, ({ keys, refused }) =>
    log("info", { type: "issuer.keys", issuer, kids: [...keys.keys()], refused }),
  );
  const onError = (error: unknown): void => {
    if (isNew(issuer, error)) log("warn", { type: "issuer.failed", issuer, error });
  };
  return { held, onError };
}

/** The keys of a file, now and whenever it changes. */
async function watchFile(
  path: string,
  held: HeldKeys,
  onError: (error: unknown) => void,
  { endings }: Run,
): Promise<IssuerKeys> {
  const files: FileSet<"document"> = { document: { path, isSecret: false } };
  let known: FileContents<"document"> = {};
  const use = ({ document = Buffer.alloc(0) }: typeof known): Promise<void> => held.replace(document);
  try {
    known = await readFileSet(files);
    await use(known);
  } catch (error) {
    onError(error);
  }
  const watch = startFileWatch(files, known, { use, onError });
  endings.add(() => watch.stop());
  return held;
}
