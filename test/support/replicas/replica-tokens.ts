import type { IssueTokenResponse } from "../../../src/gen/signet/v1/token.ts";
import { issue, type Service } from "../service/service.ts";
import type { Replica } from "./replicas.ts";

/** By default a token with the longest lifetime under the keys of {@link Replica}: `maxTtl` minus a minute of leeway. */
export function issueShort(service: Pick<Service, "tokens">, seconds = 45n): Promise<IssueTokenResponse> {
  return issue(service, { ttl: { seconds, nanos: 0 } });
}

/** Issues a token on each replica. */
export function issueEverywhere(replicas: readonly Replica[]): Promise<readonly string[]> {
  return Promise.all(replicas.map(async (replica) => (await issueShort(replica)).token));
}
