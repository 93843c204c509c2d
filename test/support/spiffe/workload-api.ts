import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import {
  JWTBundlesResponse,
  type SpiffeWorkloadAPIServer,
  SpiffeWorkloadAPIService,
  X509SVIDResponse,
} from "../../../src/gen/spiffe/workloadapi.ts";
import { tempFolder } from "../files/temp.ts";
import type { Ending } from "../service/shared.ts";
import type { Authority, Issued } from "../tls/certificates.ts";

/** A server of the contract of the SPIFFE Workload API at a Unix socket, as an agent of SPIRE is one. */
export interface WorkloadApiServer {
  /** As `unix:/path`. */
  readonly socket: string;
  /** The streams that were opened so far with the header that the standard demands. */
  readonly opened: number;
  /** Sends a message to all streams, now and when they are opened. Undefined: the process has no identity. */
  sendSvids(response: X509SVIDResponse | undefined): void;
  sendBundles(bundles: Readonly<Record<string, string>>): void;
  /** Ends all streams; `restart` binds the socket again. */
  stop(): Promise<void>;
  restart(): Promise<void>;
}

type Stream = ServerWritableStream<object, unknown>;

export async function startWorkloadApi(t: Ending): Promise<WorkloadApiServer> {
  const path = join(await tempFolder(t), "agent.sock");
  const socket = `unix:${path}`;
  const streams = { svids: new Set<Stream>(), bundles: new Set<Stream>() };
  const last: { svids?: X509SVIDResponse | undefined; bundles?: JWTBundlesResponse } = {};
  let opened = 0;
  let server: Server | undefined;

  const serve = (kind: "svids" | "bundles") => (call: Stream) => {
    if (call.metadata.get("workload.spiffe.io").join() !== "true")
      return call.emit("error", { code: status.INVALID_ARGUMENT, details: "security header missing from request" });
    opened += 1;
    const message = last[kind];
    if (message === undefined)
      return call.emit("error", { code: status.PERMISSION_DENIED, details: "no identity issued" });
    streams[kind].add(call);
    call.on("cancelled", () => streams[kind].delete(call));
    return call.write(message);
  };

  async function start(): Promise<void> {
    await rm(path, { force: true });
    server = new Server();
    const unused = () => {
      throw new Error("Signet does not call it");
    };
    server.addService(SpiffeWorkloadAPIService, {
      fetchX509Svid: serve("svids"),
      fetchJwtBundles: serve("bundles"),
      fetchX509Bundles: unused,
      fetchJwtsvid: unused,
      validateJwtsvid: unused,
    } as unknown as SpiffeWorkloadAPIServer);
    await new Promise<void>((resolve, reject) =>
      server?.bindAsync(socket, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
    );
  }

  async function stop(): Promise<void> {
    server?.forceShutdown();
    for (const open of Object.values(streams)) open.clear();
  }

  await start();
  t.teardown(stop);
  return {
    socket,
    get opened() {
      return opened;
    },
    sendSvids(response) {
      last.svids = response;
      for (const stream of streams.svids) stream.write(response);
    },
    sendBundles(bundles) {
      const encoded = Object.entries(bundles).map(([domain, text]) => [domain, Buffer.from(text)]);
      last.bundles = JWTBundlesResponse.fromPartial({ bundles: Object.fromEntries(encoded) });
      for (const stream of streams.bundles) stream.write(last.bundles);
    },
    stop,
    restart: start,
  };
}

/** An X.509-SVID as an agent sends it, with the CAs of its trust domain. `chain` follows its certificate. */
export function svidMessage(
  id: string,
  { cert, key }: Issued,
  bundle: readonly Authority[],
  chain = "",
): X509SVIDResponse {
  const cas = bundle.map((authority) => authority.cert).join("");
  const svid = { spiffeId: id, x509Svid: derOf(cert + chain), x509SvidKey: derOf(key), bundle: derOf(cas) };
  return X509SVIDResponse.fromPartial({ svids: [svid] });
}

/** The blocks of a text in PEM, one after the other. */
function derOf(pem: string): Buffer {
  const blocks = pem.matchAll(/-----BEGIN [A-Z ]+-----([^-]+)-----END/g);
  return Buffer.concat(Array.from(blocks, ([, base64 = ""]) => Buffer.from(base64, "base64")));
}
