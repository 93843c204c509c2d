import type { ExecutionContext } from "ava";
import { headers, type NatsConnection } from "nats";
import { connect, ifThere } from "./connect.ts";

/** A client of NATS that may write anything into the bucket, past every check of the service. Keys as in the store. */
export interface HostileClient {
  /** Writes a value over whatever lies there. */
  put(key: string, value: Uint8Array | string, header?: Readonly<Record<string, string>>): Promise<void>;
  delete(key: string): Promise<void>;
  /** The last value of a key; undefined when it was deleted or never was. */
  read(key: string): Promise<Buffer | undefined>;
  /** All keys below a prefix that ends with a slash, that are not deleted. */
  keys(prefix: string): Promise<readonly string[]>;
  /** Writes many values at once. */
  flood(keys: Iterable<string>, value: Uint8Array | string): Promise<void>;
}

const STREAM = "KV_signet";
const subjectOf = (key: string) => `$KV.signet.${key.replaceAll("/", ".")}`;
const bytesOf = (value: Uint8Array | string) => (typeof value === "string" ? Buffer.from(value) : value);

export async function hostileClient(t: ExecutionContext<unknown>, url: string): Promise<HostileClient> {
  const connection = await connect({ servers: url });
  t.teardown(() => connection.close());
  const manager = await connection.jetstreamManager();

  async function last(key: string) {
    const found = await ifThere(manager.streams.getMessage(STREAM, { last_by_subj: subjectOf(key) }));
    return found?.header.has("KV-Operation") ? undefined : found;
  }

  const put: HostileClient["put"] = async (key, value, header = {}) => {
    await connection.jetstream().publish(subjectOf(key), bytesOf(value), { headers: headersOf(header) });
  };

  return {
    put,
    delete: (key) => put(key, "", { "KV-Operation": "DEL" }),
    async read(key) {
      const found = await last(key);
      return found && Buffer.from(found.data);
    },
    async keys(prefix) {
      const { state } = await manager.streams.info(STREAM, { subjects_filter: `${subjectOf(prefix)}>` });
      const keys = Object.keys(state.subjects ?? {}).map((subject) =>
        subject.slice("$KV.signet.".length).replaceAll(".", "/"),
      );
      const present = await Promise.all(keys.map(async (key) => ((await last(key)) === undefined ? [] : [key])));
      return present.flat();
    },
    async flood(keys, value) {
      for (const key of keys) connection.publish(subjectOf(key), bytesOf(value));
      await untilStored(connection, put);
    },
  };
}

function headersOf(header: Readonly<Record<string, string>>) {
  const made = headers();
  for (const [name, value] of Object.entries(header)) made.set(name, value);
  return made;
}

/** A write that is acknowledged was stored after those before it. */
async function untilStored(connection: NatsConnection, put: HostileClient["put"]): Promise<void> {
  await connection.flush();
  await put("flood/end", "end");
}
