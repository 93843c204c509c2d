import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { tempFolder } from "../support/files/temp.ts";
import type { Ending } from "../support/service/shared.ts";
import { CHECKOUT, type Dockerfile, type ImageCopy, readDockerfile } from "./dockerfile.ts";

export interface Image {
  /** The folder of its root file system. */
  readonly root: string;
  readonly dockerfile: Dockerfile;
}

/** The files of the base, as distroless images have them. `nonroot` is their user without rights. */
const BASE_FILES = {
  "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
  "etc/group": "root:x:0:\nnonroot:x:65532:\n",
  "etc/nsswitch.conf": "hosts: files dns\n",
};
export const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/** Does what an engine does with the Dockerfile. The packages and the base are those of this machine. */
export async function buildImage(t: Ending): Promise<Image> {
  const dockerfile = readDockerfile();
  const [context, built, root] = [await tempFolder(t), await tempFolder(t), await tempFolder(t)];
  copyContext(context);
  runBuildStage(dockerfile.build, context, built);
  layBase(root);
  for (const copy of dockerfile.copies) copyInto(root, built, copy);
  return { root, dockerfile };
}

/** What .dockerignore sends to the engine. It ignores everything, and then names what is sent. */
function copyContext(to: string): void {
  const lines = readFileSync(join(CHECKOUT, ".dockerignore"), "utf8").split("\n");
  const [ignored, ...sent] = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (ignored !== "*" || !sent.every((line) => /^![\w./-]+$/.test(line))) throw new Error("not a list of what is sent");
  for (const line of sent) cpSync(join(CHECKOUT, line.slice(1)), join(to, line.slice(1)), { recursive: true });
}

/** Runs the commands of the build stage. In place of `npm ci` it uses the packages of the checkout. */
function runBuildStage(commands: readonly string[], context: string, built: string): void {
  mkdirSync(join(context, "node_modules"));
  const ownPackages = `mount --bind ${CHECKOUT}/node_modules node_modules`;
  const lines = commands.map((line) =>
    line.startsWith("npm ci ") ? ownPackages : line.replace(" /image", ` ${built}`),
  );
  const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
  execFileSync("unshare", ["--mount", "sh", "-ec", lines.join("\n")], { cwd: context, env: { PATH }, stdio: "pipe" });
}

/** Node, the libraries that it needs, and the few files of a base without a shell. */
export function layBase(root: string): void {
  chmodSync(root, 0o755);
  for (const [path, mode] of [
    ["dev", 0o755],
    ["etc", 0o755],
    ["home/nonroot", 0o700],
    ["nodejs/bin", 0o755],
    ["proc", 0o755],
    ["tmp", 0o1777],
  ] as const) {
    mkdirSync(join(root, path), { recursive: true });
    chmodSync(join(root, path), mode);
  }
  chownSync(join(root, "home/nonroot"), 65_532, 65_532);
  for (const [path, text] of Object.entries(BASE_FILES)) writeFileSync(join(root, path), text);
  copyFileSync(process.execPath, join(root, "nodejs/bin/node"));
  for (const path of [...librariesOf(process.execPath), CERTIFICATES].filter(existsSync)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
}

export function librariesOf(program: string): string[] {
  const found = execFileSync("ldd", [program], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g);
  return [...found].map(([, path = ""]) => path);
}

/** A COPY of the last stage: what is in the folder. The folder itself is a new one, whose mode engines choose. */
function copyInto(root: string, built: string, { from, to, owner = "0:0" }: ImageCopy): void {
  cpSync(from.replace("/image", built), join(root, to), { recursive: true });
  chmodSync(join(root, to), 0o755);
  const [uid = 0, gid = 0] = owner.split(":").map(Number);
  for (const path of ["", ...readdirSync(join(root, to), { recursive: true, encoding: "utf8" })])
    lchownSync(join(root, to, path), uid, gid);
}
