import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runScript, stubPath } from "../scripts/stub-path.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const NEWER = `sha256:${"b".repeat(64)}`;
const DOCKERFILE = "ARG BUILD=docker.io/library/node:24\nARG BASE=gcr.io/distroless/nodejs24:nonroot\nFROM $BASE\n";
const PINNED = DOCKERFILE.replace("node:24\n", `node:24@${DIGEST}\n`).replace("nonroot", `nonroot@${DIGEST}`);

/** Print the words that they were called with, and answer as the tools do. */
const DOCKER = (digest = DIGEST) => `case "$*" in
  "buildx version" | info) ;;
  "buildx imagetools inspect --format {{.Manifest.Digest}} "*) echo ${digest} ;;
  *) echo "docker $*" ;;
esac`;
const PODMAN = `[ "$1" = info ] || echo "podman $*"`;
const SKOPEO = `case "$*" in "inspect --format {{.Digest}} docker://"*) echo ${DIGEST} ;; *) exit 1 ;; esac`;
const CRANE = `[ "$1" = digest ] && echo ${DIGEST}`;
const GIT = `case $1 in describe) echo 0123abc ;; log) echo 2026-11-29T12:00:00+00:00 ;; esac`;

async function checkout(t: ExecutionContext, stubs: Readonly<Record<string, string>>, dockerfile = DOCKERFILE) {
  const root = mkdtempSync(join(tmpdir(), "signet image "));
  t.teardown(() => rmSync(root, { recursive: true }));
  cpSync("scripts/image.sh", join(root, "scripts/image.sh"));
  writeFileSync(join(root, "package.json"), '{\n  "name": "signet",\n  "version": "1.2.3",\n}\n');
  writeFileSync(join(root, "Dockerfile"), dockerfile);
  const path = await stubPath(root, { git: GIT, ...stubs });
  return {
    image: (...args: string[]) => runScript(join(root, "scripts/image.sh"), args, path),
    dockerfile: () => readFileSync(join(root, "Dockerfile"), "utf8"),
  };
}

test("both bases are pinned by digest in the Dockerfile, and then the image is built with its labels", async (t) => {
  const { image, dockerfile } = await checkout(t, { docker: DOCKER() });
  const { code, stdout, stderr } = await image();
  t.is(code, 0, stderr);
  t.is(dockerfile(), PINNED);
  t.regex(stderr, new RegExp(`pinned BASE to gcr.io/distroless/nodejs24:nonroot@${DIGEST}; commit the Dockerfile`));
  t.is(
    stdout,
    "docker buildx build --load --build-arg VERSION=1.2.3 --build-arg REVISION=0123abc " +
      "--build-arg CREATED=2026-11-29T12:00:00+00:00 --tag signet:1.2.3 .\n",
  );
});

test("bases that are pinned stay as they are, and no registry is asked; --renew pins the newest", async (t) => {
  const { image, dockerfile } = await checkout(t, { docker: DOCKER(NEWER) }, PINNED);
  t.like(await image(), { code: 0, stderr: "" });
  t.is(dockerfile(), PINNED);
  t.is((await image("--renew")).code, 0);
  t.is(dockerfile(), PINNED.replaceAll(DIGEST, NEWER));
});

for (const [name, stub] of Object.entries({ skopeo: SKOPEO, crane: CRANE })) {
  test(`podman builds too, with a health check, and ${name} asks the registry`, async (t) => {
    const { image, dockerfile } = await checkout(t, { podman: PODMAN, [name]: stub });
    const { code, stdout, stderr } = await image();
    t.is(code, 0, stderr);
    t.is(dockerfile(), PINNED);
    t.regex(stdout, /^podman build --format docker --build-arg VERSION=1\.2\.3 .* --tag signet:1\.2\.3 \.\n$/);
  });
}

test("what is missing is said all at once, with exit code 69", async (t) => {
  const nothing = await (await checkout(t, {})).image();
  t.is(nothing.code, 69);
  t.deepEqual(nothing.stderr.trim().split("\n"), [
    "image: docker is not on PATH",
    "image: podman is not on PATH",
    "image: to build the image, install docker with buildx, or podman, and start it",
    "image: to pin the bases by digest, install docker with buildx, skopeo or crane",
  ]);
  const stopped = `[ "$1" = buildx ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }`;
  const idle = await (await checkout(t, { docker: stopped })).image();
  t.is(idle.code, 69);
  t.regex(idle.stderr, /^image: docker can't be used: Cannot connect to the Docker daemon\n/);
  const old = await (await checkout(t, { docker: "exit 1" })).image();
  t.regex(old.stderr, /^image: docker has no buildx\n/);
});

test("without an answer of a registry, or with a wrong one, nothing is pinned or built", async (t) => {
  const offline = await checkout(t, { podman: PODMAN, crane: 'echo "no route to host" >&2; exit 1' });
  const { code, stdout, stderr } = await offline.image();
  t.is(code, 69);
  t.is(stdout, "");
  t.is(stderr, "image: crane found no digest of docker.io/library/node:24: no route to host\n");
  t.is(offline.dockerfile(), DOCKERFILE);
  const odd = await checkout(t, { podman: PODMAN, crane: "echo latest" });
  const wrong = await odd.image();
  t.is(wrong.code, 69);
  t.regex(wrong.stderr, /^image: crane gave "latest" as the digest of docker\.io\/library\/node:24; a digest is /);
  t.is(odd.dockerfile(), DOCKERFILE);
});

test("an engine that fails gives its exit code; a wrong argument is 2", async (t) => {
  const failing = `[ "$1" = info ] || { echo "no space left on device" >&2; exit 125; }`;
  const { image } = await checkout(t, { podman: failing }, PINNED);
  t.like(await image(), { code: 125, stderr: "no space left on device\n" });
  t.like(await image("--pin"), { code: 2, stderr: 'image: unknown argument "--pin"; allowed: --renew\n' });
});
