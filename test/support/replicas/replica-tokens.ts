import type { IssueTokenResponse } from "../../../src/gen/signet/v1/token.ts";
import { issue, type Service } from "../service/service.ts";
import type { Replica } from "./replicas.ts";

/** A token that lives as long as the keys of replicas under test allow for: their `maxTtl` less the leeway of a minute. */
export function issueShort(service: Pick<Service, "tokens">): Promise<IssueTokenResponse> {
  return issue(service, { ttl: { seconds: 45n, nanos: 0 } });
}

/** A token of each replica. */
export function issueEverywhere(replicas: readonly Replica[]): Promise<readonly string[]> {
  return Promise.all(replicas.map(async (replica) => (await issueShort(replica)).token));
}
