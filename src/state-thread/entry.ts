import { serveState } from "./serve.ts";

await serveState();
