import { keyPolicy } from "../../../../src/keys/rotating/policy.ts";
import { minute, second } from "../ring-under-test.ts";

/** Small times that leave every bound whole: the lead is 80 s. */
export const POLICY = keyPolicy({
  period: 5 * minute,
  verifierCache: minute,
  propagation: 10 * second,
  skew: 10 * second,
  stopUsing: 10 * second,
  activationDelay: 30 * second,
  maxTtl: minute,
});

/** How often every replica that runs looks after its ring. */
export const TICK = 5 * second;
