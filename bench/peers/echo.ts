import { claimsFor, issuedAnswer, validAnswer } from "./messages.ts";
import { createRawJwt } from "./raw-jwt.ts";
import { serve, syncHandler } from "./serve.ts";

const KEY_ID = "benchmark-key-01";
const claims = claimsFor({ subject: "user-1234567890", audience: ["https://api.example"] });
const issued = issuedAnswer(createRawJwt(KEY_ID).mint(claims), KEY_ID, claims);
const valid = validAnswer(KEY_ID, claims);

serve({ issueToken: syncHandler(() => issued), verifyToken: syncHandler(() => valid) });
