import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { headers } from "nats";
import { encodeRevocation, type Revocation, revocationKey } from "../../../src/revoke/revocation.ts";
import { openFileKeyValue } from "../../../src/state/file.ts";
import { connect } from "../nats/connect.ts";

/** Revocations of tokens of the profile `service`, in force for an hour. */
function* manyRevocations(count: number): Generator<Revocation> {
  const at = Date.now();
  for (let number = 0; number < count; number++)
    yield { kind: "token", profile: "service", tenant: "", at, until: at + 3_600_000, tokenId: `token-${number}` };
}

function writeOf(revocation: Revocation) {
  return { key: revocationKey(revocation), value: encodeRevocation(revocation), expiresAt: revocation.until };
}

/** Writes revocations into the state file of a data folder that no service uses. */
export async function fillFile(data: string, count: number): Promise<void> {
  const store = await openFileKeyValue(join(data, "state", "state.db"), Date.now);
  await store.writeAll([...manyRevocations(count)].map(writeOf));
  store.close();
}

/** Writes revocations into the bucket, as a replica does. */
export async function fillBucket(url: string, count: number): Promise<void> {
  const connection = await connect({ servers: url });
  const jetstream = connection.jetstream();
  const publish = (revocation: Revocation) => {
    const { key, value, expiresAt } = writeOf(revocation);
    const made = headers();
    made.set("Signet-Write", randomUUID());
    made.set("Signet-Operation", "create");
    made.set("Signet-Expires-At", String(expiresAt));
    return jetstream.publish(`$KV.signet.${key.replaceAll("/", ".")}`, value, { headers: made, timeout: 30_000 });
  };
  let sent: Promise<unknown>[] = [];
  for (const revocation of manyRevocations(count)) {
    sent.push(publish(revocation));
    if (sent.length < 2_000) continue;
    await Promise.all(sent);
    sent = [];
  }
  await Promise.all(sent);
  await connection.close();
}
