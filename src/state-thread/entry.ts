import { serveState } from "./serve.ts";

serveState();
