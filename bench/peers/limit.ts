import { claimsFor, issuedAnswer, tokenOf, validAnswer } from "./messages.ts";
import { rawJwt } from "./raw-jwt.ts";
import { answering, serve } from "./serve.ts";

const KEY_ID = "benchmark-key-01";
const jwt = rawJwt(KEY_ID);

serve({
  issueToken: answering((request) => {
    const claims = claimsFor(request);
    return issuedAnswer(jwt.mint(claims), KEY_ID, claims);
  }),
  verifyToken: answering((request) => validAnswer(KEY_ID, jwt.check(tokenOf(request)))),
});
