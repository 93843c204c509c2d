import { claimsFor, issuedAnswer, tokenOf, validAnswer } from "./messages.ts";
import { createRawJwt } from "./raw-jwt.ts";
import { serve, syncHandler } from "./serve.ts";

const KEY_ID = "benchmark-key-01";
const jwt = createRawJwt(KEY_ID);

serve({
  issueToken: syncHandler((request) => {
    const claims = claimsFor(request);
    return issuedAnswer(jwt.mint(claims), KEY_ID, claims);
  }),
  verifyToken: syncHandler((request) => validAnswer(KEY_ID, jwt.check(tokenOf(request)))),
});
