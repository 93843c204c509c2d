import test from "ava";
import { PAGES, readPage } from "./pages.ts";

/** Pages for readers who are in a checkout, where `npx signet` is this command. */
const IN_A_CHECKOUT = ["README.md", "CONTRIBUTING.md", "docs/demo.md"];
const NAMES_IT = /npx\s+signet/;

/** On npm's registry, `signet` is somebody else's package: outside a checkout, npx would run that. */
test("a page that is not for a checkout tells nobody to run npx signet", (t) => {
  const telling = PAGES.filter((page) => NAMES_IT.test(readPage(page).replace("in a checkout it is `npx signet`", "")));
  t.deepEqual(
    telling.filter((page) => !IN_A_CHECKOUT.includes(page)),
    [],
  );
  t.true(telling.includes("README.md"), "control: it is found where it is");
});

/** npm takes `folder/file.tgz` for a repository on GitHub. */
test("a tarball in a folder, which a page tells npm to install, has a path that begins with a dot or a slash", (t) => {
  const misread = (page: string) => /npm install [^\n]*\s\w[\w-]*\/[^\s`]*\.tgz/.test(page);
  t.deepEqual(
    [...PAGES, "scripts/build/readme.md"].filter((path) => misread(readPage(path))),
    [],
  );
  t.true(misread(readPage("README.md").replaceAll("./dist/", "dist/")), "control: it is found");
});
