import { writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { tempFolder } from "../files/temp.ts";
import type { Ending } from "../service/shared.ts";
import { type Authority, createAuthority, serverCertificate } from "./certificates.ts";

export interface IssuerServer {
  /** As `https://localhost:1234`. */
  readonly url: string;
  /** The file with the certificate of its CA. */
  readonly caFile: string;
  /** What was asked so far: each path, and the `authorization` header. */
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[];
}

/** Answers one request. */
export type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** A server of an issuer on a random port of this machine, over TLS, until the test ends. */
export async function startIssuerServer(t: Ending, serve: Serve, authority?: Authority): Promise<IssuerServer> {
  const ca = authority ?? (await createAuthority());
  const asked: IssuerServer["asked"] = [];
  const server = createServer(await serverCertificate(ca), (request, response) => {
    asked.push({ path: request.url ?? "", authorization: request.headers.authorization });
    serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const caFile = join(await tempFolder(t), "ca.crt");
  await writeFile(caFile, ca.cert);
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, caFile, asked };
}
