import type { WatchedFile } from "../files/watched-files.ts";
import type { Faults, Path } from "../schema/fault.ts";
import type { RawConfig } from "./schema.ts";

/** Which servers of NATS there are, and the files by which they and this client are proven. */
export type RawNats = Pick<RawConfig["nats"], "url" | "tls" | "creds" | "nkey" | "user_file" | "password_file">;

/** How NATS is reached, as `NatsAccess` of the adapter has it. */
export function natsAccess({ url, tls, creds, nkey, user_file, password_file }: RawNats) {
  const servers = url.split(",");
  return {
    servers,
    tls: tls.ca !== "" || tls.cert !== "" || servers.some((server) => server.startsWith("tls://")),
    files: {
      ca: watched(tls.ca, false),
      cert: watched(tls.cert, false),
      key: watched(tls.key, true),
      creds: watched(creds, true),
      nkey: watched(nkey, true),
      user: watched(user_file, true),
      password: watched(password_file, true),
    },
  };
}

function watched(path: string, isSecret: boolean): WatchedFile | undefined {
  return path === "" ? undefined : { path, isSecret };
}

/** The servers must be alike, and this client proves itself at most once. */
export function checkNats({ url, tls, creds, nkey, user_file, password_file }: RawNats, faults: Faults): void {
  const servers = url === "" ? [] : url.split(",");
  if (servers.some((server) => Number(server.slice(server.lastIndexOf(":") + 1)) > 65_535))
    faults.add(["nats", "url"], "must have ports of at most 65535");
  if (servers.some((server) => server.startsWith("tls:")) && servers.some((server) => server.startsWith("nats:")))
    faults.add(
      ["nats", "url"],
      "must have tls:// for all servers or nats:// for all: the connection moves between them",
    );
  requireBoth(["nats", "tls", "cert"], tls.cert, ["nats", "tls", "key"], tls.key, faults);
  requireBoth(["nats", "user_file"], user_file, ["nats", "password_file"], password_file, faults);
  const kinds = { creds, nkey, user_file: user_file || password_file };
  const [, ...others] = Object.entries(kinds).flatMap(([kind, file]) => (file === "" ? [] : [kind]));
  for (const kind of others)
    faults.add(["nats", kind], "must be empty: NATS takes one of creds, nkey, and user_file with password_file");
}

/** Two keys that are set together or not at all. */
export function requireBoth(one: Path, first: string, other: Path, second: string, faults: Faults): void {
  if (first === "" && second !== "") faults.add(one, `must be set, since ${other.join(".")} is`);
  if (first !== "" && second === "") faults.add(other, `must be set, since ${one.join(".")} is`);
}
