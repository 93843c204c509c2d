import { readFileSync } from "node:fs";
import { createServer } from "node:https";

/** Serves a JWKS, which may change while it runs. */
const [address = "", port = "", cert = "", key = "", jwks = ""] = process.argv.slice(2);
createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_, response) => {
  response.writeHead(200, { "content-type": "application/jwk-set+json" }).end(readFileSync(jwks));
}).listen(Number(port), address, () => process.stdout.write("listening\n"));
