import { execFileSync, spawnSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext, Implementation } from "ava";
import { testUnless } from "../unless-missing.ts";
import { tempFolder } from "./temp.ts";

const MIB = 1024 ** 2;
const missing = findMissing();

/** A disk whose power can fail: a file system in a file. */
export interface LoopDisk {
  /** Where it is mounted. */
  readonly folder: string;
  /**
   * What a power failure at this moment would leave: what was synced, and of the rest what the kernel happened to write.
   * It is mounted elsewhere, so that the file system recovers as after a failure.
   */
  afterPowerFailure(): Promise<string>;
}

/** A test that needs disks whose power can fail. Where none can be made, it is skipped, and fails in CI. */
export function testWithLoopDisk(title: string, implementation: Implementation<[]>): void {
  testUnless(missing, title, implementation);
}

/** A new disk of that many MiB, with ext4. It is unmounted after the test. */
export async function loopDisk(t: Pick<ExecutionContext<unknown>, "teardown">, mebibytes: number): Promise<LoopDisk> {
  const files = await tempFolder(t);
  const image = join(files, "disk");
  execFileSync("truncate", ["-s", String(mebibytes * MIB), image]);
  execFileSync("mkfs.ext4", ["-q", image]);
  const folder = await mount(t, image);
  return {
    folder,
    async afterPowerFailure() {
      const copy = join(files, "copy");
      // Without a sync: what is only in the kernel's cache of the mounted file system is not in its file.
      await copyFile(image, copy);
      return await mount(t, copy);
    },
  };
}

async function mount(t: Pick<ExecutionContext<unknown>, "teardown">, image: string): Promise<string> {
  const folder = await tempFolder(t);
  // Written back after minutes instead of seconds: the test is shorter, and what was not synced is lost for certain.
  execFileSync("mount", ["-o", "loop,commit=300", image, folder]);
  t.teardown(() => void spawnSync("umount", ["-l", folder]));
  return folder;
}

function findMissing(): string | undefined {
  const found = spawnSync("mkfs.ext4", ["-V"]).status === 0 && spawnSync("losetup", ["-f"]).status === 0;
  return found ? undefined : "there is no mkfs.ext4, or this user may have no loop devices";
}
