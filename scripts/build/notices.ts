import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The parts of a component of the CycloneDX SBOM that the notices need. */
interface Component {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly ({ readonly license: { readonly id?: string } } | { readonly expression: string })[];
  readonly evidence?: { readonly licenses?: readonly { readonly license: { readonly text: LicenseText } }[] };
}

interface LicenseText {
  readonly content: string;
  readonly encoding?: "base64";
}

/** Packages that ship no license text, and the files of this checkout that have it. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  "@bufbuild/cel": ["LICENSE"],
  "@bufbuild/cel-spec": ["LICENSE"],
  "@bufbuild/protobuf": ["LICENSE", "scripts/build/licenses/protobuf-bsd.txt"],
};

const RULE = "=".repeat(80);

/**
 * Writes THIRD-PARTY-NOTICES: the license texts of all packages in the SBOM, each text once, after the packages that it
 * is for.
 *
 * @throws Error that names a package without a license text
 */
export function writeNotices(checkout: string, folder: string): void {
  const { components } = JSON.parse(readFileSync(join(folder, "sbom.cdx.json"), "utf8")) as {
    readonly components: readonly Component[];
  };
  const packagesOf = new Map<string, Set<string>>();
  for (const component of components)
    for (const text of textsOf(component, checkout))
      packagesOf.set(text, (packagesOf.get(text) ?? new Set()).add(titleOf(component)));
  const sections = Array.from(packagesOf, ([text, titles]) => [RULE, ...titles, RULE, "", text, ""].join("\n"));
  const introduction = "The files in lib/ contain code of the packages below, under these licenses.\n";
  writeFileSync(join(folder, "THIRD-PARTY-NOTICES"), [introduction, ...sections].join("\n"));
}

function textsOf(component: Component, checkout: string): string[] {
  const own = component.evidence?.licenses?.map(({ license }) => decoded(license.text));
  const texts = own ?? TEXTS[nameOf(component)]?.map((file) => readFileSync(join(checkout, file), "utf8"));
  if (texts === undefined)
    throw new Error(`${nameOf(component)} has no license text: name a file that has it in scripts/build/notices.ts`);
  return texts.map((text) => text.trim());
}

function decoded({ content, encoding }: LicenseText): string {
  return encoding === undefined ? content : Buffer.from(content, encoding).toString();
}

function titleOf(component: Component): string {
  const declared = component.licenses?.map((one) => ("expression" in one ? one.expression : one.license.id)).join(", ");
  return `${nameOf(component)} ${component.version}: ${declared}`;
}

function nameOf({ group, name }: Component): string {
  return group === undefined ? name : `${group}/${name}`;
}
