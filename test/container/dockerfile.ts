import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Copy,
  DockerfileParser,
  type Instruction,
  type JSONInstruction,
  type PropertyInstruction,
} from "dockerfile-ast";

export const CHECKOUT = join(import.meta.dirname, "..", "..");

/** A COPY of the last stage. */
export interface ImageCopy {
  readonly from: string;
  readonly to: string;
  /** `uid:gid`; root's where it is undefined. */
  readonly owner: string | undefined;
}

/** What the Dockerfile says of its image. */
export interface Dockerfile {
  /** The commands of the build stage, each as a line for a shell. */
  readonly build: readonly string[];
  readonly copies: readonly ImageCopy[];
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workdir: string;
  readonly volumes: readonly string[];
  readonly stopSignal: string;
  readonly healthcheck: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

export function readDockerfile(): Dockerfile {
  const parsed = DockerfileParser.parse(readFileSync(join(CHECKOUT, "Dockerfile"), "utf8"));
  const [, ...stages] = split(parsed.getInstructions(), (instruction) => instruction.getKeyword() === "FROM");
  const [build = [], image = []] = stages;
  return {
    build: all(build, "RUN").map(textOf),
    copies: all(image, "COPY").map((copy) => readCopy(copy as Copy)),
    environment: properties(all(image, "ENV")),
    labels: properties(all(image, "LABEL")),
    user: textOf(only(image, "USER")),
    workdir: textOf(only(image, "WORKDIR")),
    volumes: words(only(image, "VOLUME")),
    stopSignal: textOf(only(image, "STOPSIGNAL")),
    healthcheck: JSON.parse(textOf(only(image, "HEALTHCHECK")).replace(/^.*?CMD /s, "")),
    entrypoint: words(only(image, "ENTRYPOINT")),
    command: words(only(image, "CMD")),
  };
}

/** The parts of a list, each but the first of which begins with an item that `begins` one. */
function split<Item>(items: readonly Item[], begins: (item: Item) => boolean): Item[][] {
  const parts: Item[][] = [[]];
  for (const item of items) {
    if (begins(item)) parts.push([]);
    parts.at(-1)?.push(item);
  }
  return parts;
}

function all(stage: readonly Instruction[], keyword: string): Instruction[] {
  return stage.filter((instruction) => instruction.getKeyword() === keyword);
}

function only(stage: readonly Instruction[], keyword: string): Instruction {
  const [found, another] = all(stage, keyword);
  if (found === undefined || another !== undefined) throw new Error(`the last stage must have one ${keyword}`);
  return found;
}

function readCopy(copy: Copy): ImageCopy {
  const [from = "", to = ""] = copy.getArguments().map((argument) => argument.getValue());
  const owner = copy.getFlags().find((flag) => flag.getName() === "chown");
  return { from, to, owner: owner?.getValue() ?? undefined };
}

const textOf = (instruction: Instruction): string => instruction.getRawArgumentsContent() ?? "";

function words(instruction: Instruction): string[] {
  return (instruction as JSONInstruction).getJSONStrings().map((word) => word.getJSONValue());
}

function properties(instructions: readonly Instruction[]): Record<string, string> {
  const found = instructions.flatMap((instruction) => (instruction as PropertyInstruction).getProperties());
  return Object.fromEntries(found.map((property) => [property.getName(), property.getValue() ?? ""]));
}
