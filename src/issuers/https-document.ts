import { Agent, type RequestOptions, request } from "node:https";
import { IssuerError } from "./issuer-error.ts";

/** How a document of an issuer is fetched. */
export interface Access {
  /** Certificates that may vouch for the server, in PEM; undefined: those that Node knows. */
  readonly ca: Buffer | undefined;
  /** Sent as `authorization: Bearer`; undefined: none. */
  readonly token: string | undefined;
  /** Ends all that is left to do when the time for it is over. */
  readonly deadline: AbortSignal;
}

const MAX_BYTES = 1024 ** 2;
/**
 * Fetches a small document by https. An answer other than 200 is an error, also a redirect, which could lead where no
 * operator has agreed to.
 *
 * By `node:https`, since `fetch` takes no CA of one's own without another library, and follows redirects.
 *
 * @throws IssuerError, as a rejection. It names the address, and holds nothing of the answer.
 */
export async function fetchDocument(url: URL, { ca, token, deadline }: Access): Promise<Buffer> {
  const agent = new Agent({ ca, minVersion: "TLSv1.2" });
  const headers = { accept: "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  try {
    return await exchange(url, { agent, headers, signal: deadline });
  } catch (cause) {
    if (cause instanceof IssuerError) throw cause;
    if (deadline.aborted) throw new IssuerError("LATE", `${url.href} did not answer in time`, { cause });
    throw new IssuerError("UNREACHABLE", `${url.href} can't be read: ${reasonOf(cause)}`, { cause });
  } finally {
    agent.destroy();
  }
}

function exchange(url: URL, options: RequestOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = request(url, options, (answer) => {
      const refuse = (error: IssuerError): void => {
        reject(error);
        call.destroy();
      };
      const { statusCode, headers } = answer;
      if (statusCode !== 200) return refuse(new IssuerError("REFUSED", `${url.href} answers ${statusCode}, not 200`));
      const { "content-encoding": encoding = "identity" } = headers;
      if (encoding !== "identity")
        return refuse(new IssuerError("REFUSED", `${url.href} answers in an encoding that was not asked for`));
      const parts: Buffer[] = [];
      let bytes = 0;
      answer.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > MAX_BYTES) refuse(new IssuerError("TOO_LARGE", `${url.href} answers more than ${MAX_BYTES} bytes`));
        else parts.push(part);
      });
      answer.on("end", () => resolve(Buffer.concat(parts)));
      answer.on("error", reject);
    });
    call.on("error", reject);
    call.end();
  });
}

/** The code of the operating system or of OpenSSL, whose messages are long, and differ between versions. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown";
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}
