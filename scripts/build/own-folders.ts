import { readFile } from "node:fs/promises";
import { dirname, relative } from "node:path";
import type { Plugin } from "esbuild";

/** The folders of .proto files that libraries read beside their code: they go to `lib/packages`. */
export const LIBRARY_PROTOS = ["grpc-health-check/proto", "@grpc/reflection/build/proto/grpc"];

/** Gives the files of libraries that look for others beside themselves the folder in `lib/packages` as `__dirname`. */
export const ownFolders: Plugin = {
  name: "own-folders",
  setup(build) {
    build.onLoad({ filter: /\/node_modules\/(grpc-health-check|@grpc\/reflection)\/.*\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const folder = relative(`${build.initialOptions.absWorkingDir}/node_modules`, dirname(path));
      return { contents: source.replaceAll("__dirname", `(__dirname + "/packages/${folder}")`), loader: "js" };
    });
  },
};
