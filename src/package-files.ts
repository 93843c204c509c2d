/**
 * A file or folder that ships with this package, by its path from the package's root, e.g. `profiles`. The sources and
 * the bundle are in different folders; each finds the package.json of its own package.
 */
export function packageFile(path: string): URL {
  return new URL(path, import.meta.resolve("#package.json"));
}
