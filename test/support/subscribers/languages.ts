import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "../files/temp.ts";
import { goSubscriber, pythonSubscriberEnv } from "../service/peers.ts";
import type { Ending } from "../service/shared.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const SUBSCRIBERS = join(root, "examples", "subscribers");

/** How a subscriber is started, but for its arguments. */
interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface Language {
  readonly name: string;
  /** Why there are no tests with it; undefined: there are. */
  readonly missing: string | undefined;
  readonly program: (t: Ending) => Promise<Program>;
}

/** The subscribers of `examples/subscribers`, of which those in other languages are built where they can be. */
export async function subscriberLanguages(): Promise<readonly Language[]> {
  const [go, python] = await Promise.all([goSubscriber(), pythonSubscriberEnv()]);
  return [
    { name: "TypeScript", missing: undefined, program: inTypeScript },
    {
      name: "Python",
      missing: python === undefined ? "nats-py can't be had here" : undefined,
      program: async () => ({ command: "python3", args: [join(SUBSCRIBERS, "subscriber.py")], env: python ?? {} }),
    },
    {
      name: "Go",
      missing: go === undefined ? "nats.go can't be had here" : undefined,
      program: async () => ({ command: go ?? "", args: [] }),
    },
  ];
}

/** In a folder with the packages that the page names; the contract is that of this checkout, under the package's name. */
async function inTypeScript(t: Ending): Promise<Program> {
  const folder = await tempFolder(t);
  const own = join(folder, "node_modules", "@signet-tokens", "signet");
  await mkdir(own, { recursive: true });
  await symlink(join(root, "node_modules", "nats"), join(folder, "node_modules", "nats"));
  await symlink(join(root, "src", "gen", "signet", "v1"), join(own, "v1"));
  await writeFile(join(own, "package.json"), JSON.stringify({ exports: { "./v1/*": "./v1/*.ts" }, type: "module" }));
  const program = join(folder, "subscriber.ts");
  await symlink(join(SUBSCRIBERS, "subscriber.ts"), program);
  // As where a user has copied it: its packages are looked for beside it.
  return { command: process.execPath, args: ["--preserve-symlinks-main", program] };
}
