import test from "ava";
import packageJson from "../../package.json" with { type: "json" };
import { PAGES, readPage } from "./pages.ts";

/** The lines, as `docs/deploy.md:9`, on which a page names a tarball or an image of another version than this one. */
function staleLines(path: string, page: string): string[] {
  return page.split("\n").flatMap((line, at) => {
    const named = [...line.matchAll(/\bsignet(?:-|:)(\d+\.\d+\.\d+[\w.-]*?)(?=\.tgz|[\s`"]|$)/g)];
    return named.some(([, version]) => version !== packageJson.version) ? [`${path}:${at + 1}`] : [];
  });
}

test("every tarball and every image that a page names is of the version of package.json", (t) => {
  const pages = [...PAGES, "scripts/build/readme.md"].map((path) => [path, readPage(path)] as const);
  t.deepEqual(
    pages.flatMap(([path, page]) => staleLines(path, page)),
    [],
    "change the version on these lines",
  );
  const next = pages.flatMap(([path, page]) => staleLines(path, page.replaceAll(packageJson.version, "99.0.0")));
  const found = new Set(next.map((line) => line.split(":")[0]));
  const naming = ["README.md", "docs/container.md", "docs/deploy.md", "docs/systemd.md", "scripts/build/readme.md"];
  t.deepEqual([...found].toSorted(), naming.toSorted(), "negative control: those of another version are found");
});
