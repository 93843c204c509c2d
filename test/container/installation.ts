import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempFolder } from "../support/files/temp.ts";
import { recordSecret } from "../support/leaks/record.ts";
import { startNats } from "../support/nats/nats-server.ts";
import { startMachines } from "../support/network/machines.ts";
import type { Ending } from "../support/service/shared.ts";
import { type Container, type ContainerOptions, type Finished, type Mount, startContainer } from "./container.ts";
import { CHECKOUT } from "./dockerfile.ts";
import type { Image } from "./image.ts";

/** What docs/container.md says: the configuration, and the command that runs the service. */
const PAGE = readFileSync(join(CHECKOUT, "docs/container.md"), "utf8");
const [, CONFIG = ""] = /^```yaml\n(.*?)^```$/ms.exec(PAGE) ?? [];
const [RUN = ""] = /^docker run --detach .*?signet:\S+$/ms.exec(PAGE) ?? [];

/** What an operator has: a network with NATS, configuration, certificates, a KEK, and a volume. */
export interface Installation {
  /** The folders of the configuration and of the secrets, and the volume. */
  readonly mounts: readonly Mount[];
  /** The file of the KEK, outside the container. */
  readonly kek: string;
  /** Starts a service, which ends with `t`; `options` replace what it has by default. */
  start(t: Ending, options?: Partial<ContainerOptions>): Promise<Container>;
  /** Runs a command of the image on another machine, as the caller `shop`. */
  call(...words: readonly string[]): Promise<Finished>;
}

export async function prepare(t: Ending, image: Image): Promise<Installation> {
  const machines = startMachines(t, ["signet", "nats", "caller"]);
  const nats = await startNats(t, { machine: machines.nats });
  const run = async (words: readonly string[], mounts: readonly Mount[], environment = {}) =>
    (await startContainer(t, image, { machine: machines.caller, words, mounts, environment })).finished;

  const work = await newVolume(t, image);
  const madeCertificates = ["dev", "certs", "--name", "signet", machines.signet.address];
  const made = await run(madeCertificates, [{ from: work, to: "/data" }]);
  if (made.code !== 0) throw new Error(made.stderr);
  const certs = join(work, "certs");

  const folder = await tempFolder(t);
  const [etc, secrets] = [join(folder, "etc"), join(folder, "secrets")];
  for (const path of [etc, secrets]) mkdirSync(path, { mode: 0o755 });
  writeFileSync(join(etc, "signet.yaml"), CONFIG.replace("nats://nats:4222", nats.url), { mode: 0o444 });
  copyFileSync(join(certs, "policy.yaml"), join(etc, "policy.yaml"));
  for (const name of ["ca.crt", "server.crt", "server.key"]) copyFileSync(join(certs, name), join(secrets, name));
  const kek = join(secrets, "kek");
  writeKek(kek);
  const [uid = 0, gid = 0] = image.dockerfile.user.split(":").map(Number);
  for (const path of [kek, join(secrets, "server.key")]) {
    chmodSync(path, 0o400);
    chownSync(path, uid, gid);
  }
  const places = { "$PWD/etc": etc, "$PWD/secrets": secrets, "signet-data": await newVolume(t, image) };
  const mounts = mountsOf(RUN, places);
  const environment = Object.fromEntries([...RUN.matchAll(/ -e (\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
  return {
    ...{ mounts, kek },
    start: (ending, options = {}) =>
      startContainer(ending, image, {
        machine: machines.signet,
        mounts,
        ...options,
        environment: { ...environment, ...options.environment },
      }),
    call: (...words) =>
      run(words, [{ from: certs, to: "/certs", readOnly: true }], {
        SIGNET_ADDRESS: `${machines.signet.address}:50051`,
        SIGNET_CA: "/certs/ca.crt",
        SIGNET_CERT: "/certs/shop.crt",
        SIGNET_KEY: "/certs/shop.key",
        SIGNET_NATS_URL: nats.url,
      }),
  };
}

/** The volumes of a `docker run`, with the folders that stand for those of the page. */
function mountsOf(command: string, places: Readonly<Record<string, string>>): Mount[] {
  return [...command.matchAll(/ -v "?([^:"]+):([^:" ]+)(:ro)?"?(?= )/g)].map(([, from = "", to = "", readOnly]) => {
    const place = places[from];
    if (place === undefined) throw new Error(`docs/container.md mounts ${from}, which the test does not know`);
    return { from: place, to, readOnly: readOnly !== undefined };
  });
}

/** A new volume of the image: an engine gives it the owner and the mode of the folder that it covers. */
export async function newVolume(t: Ending, { root, dockerfile }: Image): Promise<string> {
  const folder = await tempFolder(t);
  const { uid, gid, mode } = statSync(join(root, ...dockerfile.volumes));
  chownSync(folder, uid, gid);
  chmodSync(folder, mode);
  return folder;
}

function writeKek(file: string): void {
  const key = randomBytes(32);
  recordSecret("key", key);
  writeFileSync(file, `${key.toString("base64url")}\n`);
}
