import { openHttp2Connection } from "../../../bench/client/http2-connection.ts";
import type { TlsFiles } from "../../../bench/client/job.ts";
import { VerifyTokenRequest } from "../../../src/gen/signet/v1/token.ts";
import { message } from "../../support/http2/frames.ts";

/** What a flood of honest calls gets as its only argument, in JSON. */
export interface FloodJob {
  /** host:port */
  readonly address: string;
  readonly tls: TlsFiles | undefined;
  readonly token: string;
  readonly connections: number;
}

/** How many calls are open at once on each connection. */
const CALLS = 16;
/** `valid: true` */
const EXPECTED = Buffer.from("0801", "hex");

const { address, tls, token, connections } = JSON.parse(process.argv[2] ?? "") as FloodJob;
const credential = { $case: "token", value: token } as const;
const request = message(
  Buffer.from(
    VerifyTokenRequest.encode(
      VerifyTokenRequest.fromPartial({ profile: "service", audience: "api", credential }),
    ).finish(),
  ),
);

/** Each answer is followed by the next call. The process ends with the first one that is wrong, or by its parent. */
async function flood(): Promise<void> {
  const path = "/signet.v1.TokenService/VerifyToken";
  const connection = await openHttp2Connection(address, path, EXPECTED, () => connection.send(0, request), tls);
  for (let call = 0; call < CALLS; call++) connection.send(0, request);
}

process.on("disconnect", () => process.exit());
await Promise.all(Array.from({ length: connections }, flood));
process.send?.("ready");
