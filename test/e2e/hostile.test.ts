import test, { type ExecutionContext } from "ava";
import { rejectionReasonToJSON } from "../../src/gen/signet/v1/token.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { issue, type Service, startService, verify } from "../support/service/service.ts";
import { mutateToken } from "../support/tokens/mutate-token.ts";

const TOKENS = 10_000;
const IN_FLIGHT = 64;

/** Every reason that text alone, without a key of the service, can bring about. */
const REACHABLE = [
  "TOO_LARGE",
  "MALFORMED",
  "HEADER_INVALID",
  "UNKNOWN_KEY",
  "ALGORITHM_NOT_ALLOWED",
  "TYPE_MISMATCH",
  "BAD_SIGNATURE",
];

test("no mutated token is accepted, and none causes an error of the call", async (t) => {
  const random = seededRandom(t);
  const service = await startService(t);
  const originals = await Promise.all(
    [{}, { claims: { scope: "a b", deep: { list: [1, "x"] } } }, { audience: ["api", "other"] }].map((request) =>
      issue(service, request),
    ),
  );
  const reasons = new Map<string, number>();
  for (let sent = 0; sent < TOKENS; sent += IN_FLIGHT) {
    const group = Array.from({ length: IN_FLIGHT }, () => {
      const original = originals[random(0, originals.length)]?.token ?? "";
      return { original, token: mutateToken(original, random) };
    }).filter(({ original, token }) => token !== original && token !== "");
    const answers = await Promise.all(group.map(({ token }) => verify(service, token)));
    for (const [at, { valid, rejection, claims, subject }] of answers.entries()) {
      if (valid || claims !== undefined || subject !== "") t.fail(`accepted: ${group[at]?.token}`);
      const reason = rejectionReasonToJSON(rejection?.reason ?? 0).replace("REJECTION_REASON_", "");
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  t.log(Object.fromEntries(reasons));
  t.deepEqual(
    [...reasons.keys()].filter((reason) => !REACHABLE.includes(reason)),
    [],
  );
  t.true(reasons.size >= 5, "the mutations reach all of the first checks");
  await requireHealthy(t, service);
});

test("the search for an accepted token finds one: the originals themselves", async (t) => {
  const service = await startService(t);
  const { token } = await issue(service);
  t.true((await verify(service, token)).valid);
});

async function requireHealthy(t: ExecutionContext, service: Service): Promise<void> {
  const { token } = await issue(service);
  t.true((await verify(service, token)).valid, "the service answers as before");
}
