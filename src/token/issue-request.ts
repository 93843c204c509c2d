/** What a caller asks for. Shaped as the contract's `IssueTokenRequest`, nothing checked yet; empty texts are absent. */
export interface IssueRequest {
  readonly tenant: string;
  readonly subject: string;
  readonly audience: readonly string[];
  readonly ttl: { readonly seconds: bigint; readonly nanos: number } | undefined;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  readonly clientIp: string;
  readonly requestId: string;
  readonly validateOnly: boolean;
}
