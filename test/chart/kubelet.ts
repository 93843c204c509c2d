import { chmod, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "../support/files/temp.ts";
import { kubeletWalk } from "../support/service/other-user.ts";
import type { Ending } from "../support/service/shared.ts";
import { type Manifest, only, type PodSpec, type Volume } from "./rendered.ts";

/** The Secrets of a namespace: by their names, the content by key. */
export type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The default mode of the files of Secrets and ConfigMaps. */
const DEFAULT_MODE = 0o644;

let versions = 0;

/** The volumes of a pod, by their names, as kubelet makes them. `claims` are the folders of those that are claimed. */
export async function makeVolumes(
  t: Ending,
  pod: PodSpec,
  manifests: readonly Manifest[],
  secrets: Secrets,
  claims: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const { fsGroup } = pod.securityContext;
  const folders: Record<string, string> = { ...claims };
  for (const folder of Object.values(claims)) await kubeletWalk(folder, true, fsGroup);
  for (const volume of pod.volumes ?? []) {
    if (volume.secret === undefined && volume.configMap === undefined) continue;
    const folder = await tempFolder(t);
    // Anyone may write to it by its mode, and only the mount forbids it.
    await chmod(folder, volume.secret === undefined ? 0o777 : 0o1777);
    folders[volume.name] = folder;
    await fillVolume(folder, volume, manifests, secrets, fsGroup);
  }
  return folders;
}

/**
 * Writes the files of a Secret or ConfigMap into a volume as kubelet's AtomicWriter does: into a folder of their own, to
 * which `..data` then leads at once, and to the files through it.
 */
export async function fillVolume(
  folder: string,
  volume: Volume,
  manifests: readonly Manifest[],
  secrets: Secrets,
  fsGroup: number,
): Promise<void> {
  const { defaultMode = DEFAULT_MODE } = volume.secret ?? volume.configMap ?? {};
  const version = `..2026_11_29_12_00_00.${++versions}`;
  await mkdir(join(folder, version));
  await chmod(join(folder, version), 0o755);
  const files = filesOf(volume, manifests, secrets);
  for (const [path, content] of Object.entries(files))
    await writeFile(join(folder, version, path), content, { mode: defaultMode });
  await kubeletWalk(join(folder, version), false, fsGroup);
  const old = await readlink(join(folder, "..data")).catch(() => undefined);
  await symlink(version, join(folder, "..data_tmp"));
  await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  const present = await readdir(folder);
  for (const path of Object.keys(files))
    if (!present.includes(path)) await symlink(`..data/${path}`, join(folder, path));
  if (old !== undefined) await rm(join(folder, old), { recursive: true });
}

function filesOf(volume: Volume, manifests: readonly Manifest[], secrets: Secrets): Record<string, string> {
  const { secret, configMap } = volume;
  const content = secret ? secrets[secret.secretName] : only(manifests, "ConfigMap", configMap?.name).data;
  if (content === undefined) throw new Error(`there is no Secret ${secret?.secretName}`);
  const items = (secret ?? configMap)?.items ?? Object.keys(content).map((key) => ({ key, path: key }));
  return Object.fromEntries(
    items.map(({ key, path }) => {
      if (content[key] === undefined) throw new Error(`the volume ${volume.name} lacks the key ${key}`);
      return [path, content[key]];
    }),
  );
}
