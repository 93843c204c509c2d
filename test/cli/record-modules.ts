import { writeFileSync } from "node:fs";
import { registerHooks } from "node:module";

/** Preloaded into a process: writes the URL of each module that it has loaded to the file of RECORD_MODULES. */
const urls: string[] = [];
registerHooks({
  load(url, context, next) {
    urls.push(url);
    return next(url, context);
  },
});
process.on("exit", () => writeFileSync(process.env.RECORD_MODULES ?? "", urls.join("\n")));
