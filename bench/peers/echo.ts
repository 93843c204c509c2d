import { claimsFor, issuedAnswer, validAnswer } from "./messages.ts";
import { rawJwt } from "./raw-jwt.ts";
import { answering, serve } from "./serve.ts";

const KEY_ID = "benchmark-key-01";
const claims = claimsFor({ subject: "user-1234567890", audience: ["https://api.example"] });
const issued = issuedAnswer(rawJwt(KEY_ID).mint(claims), KEY_ID, claims);
const valid = validAnswer(KEY_ID, claims);

serve({ issueToken: answering(() => issued), verifyToken: answering(() => valid) });
