/** What the tests use of it. */
declare module "livekit-server-sdk" {
  interface VideoGrant {
    readonly roomJoin?: boolean;
    readonly room?: string;
    readonly canPublish?: boolean;
  }
  class AccessToken {
    constructor(apiKey: string, apiSecret: string, options: { readonly identity: string; readonly ttl?: number });
    addGrant(grant: VideoGrant): void;
    toJwt(): Promise<string>;
  }
  class TokenVerifier {
    constructor(apiKey: string, apiSecret: string);
    verify(token: string): Promise<{ readonly sub?: string; readonly video?: VideoGrant }>;
  }

  export { AccessToken, TokenVerifier };
}
