import test from "ava";
import { createLiveRuleSet } from "../../src/access/live-rule-set.ts";
import type { Policy } from "../../src/access/policy.ts";
import type { RuleSet } from "../../src/access/rule-set.ts";
import type { AuditEvent } from "../../src/audit/event.ts";
import { keyPolicy } from "../../src/keys/rotating/policy.ts";
import type { Profile } from "../../src/profile/model/profile.ts";
import { ConfigError, type Fault } from "../../src/schema/fault.ts";

const HOUR = 3_600_000;
const KEYSETS = [keyset("service", HOUR)];
const BEFORE = setOf({ service: "s1", lobby: "l1" });

function keyset(name: string, maxTtl: number, algorithm: "EdDSA" | "ES256" = "EdDSA") {
  return { name, algorithm, policy: keyPolicy({ maxTtl }) };
}

interface Policies {
  readonly policy?: string;
  readonly shadow?: string;
}

function setOf(
  digests: Record<string, string>,
  keysets: RuleSet["keysets"] = KEYSETS,
  { policy = "p1", shadow }: Policies = {},
): RuleSet {
  const profiles = Object.entries(digests).map(([name, digest]) => [name, { name, digest } as Profile] as const);
  const beside = shadow === undefined ? undefined : policyOf(shadow);
  return { profiles: new Map(profiles), keysets, retired: [], policy: policyOf(policy), shadow: beside };
}

function policyOf(digest: string): Policy {
  return { digest } as Policy;
}

/** A set that loads one of `loads` at each reload, and what was reported of them, in order. */
function reloading(loads: (RuleSet | Error)[], append: (event: AuditEvent) => Promise<void> = async () => {}) {
  const reports: [string, unknown][] = [];
  const live = createLiveRuleSet({
    initial: BEFORE,
    choice: { disable: ["gone"], replace: ["own"] },
    load: () => {
      const next = loads.shift() ?? BEFORE;
      if (next instanceof Error) throw next;
      return next;
    },
    hashOf: ({ profiles }) => [...profiles.values()].map(({ digest }) => digest).join("+"),
    audit: {
      append(event, time) {
        reports.push([event.type, { ...event, time }]);
        return append(event);
      },
    },
    now: () => 7,
    observer: {
      onReloaded: (change) => reports.push(["reloaded", change]),
      onRefused: (faults) => reports.push(["refused", faults]),
      onError: (error) => reports.push(["failed", error]),
    },
  });
  return { live, reports };
}

test("new, changed and gone profiles are recorded in the audit log, then adopted, then reported", async (t) => {
  const after = setOf({ service: "s1", lobby: "l2", arena: "a1" });
  const { live, reports } = reloading([after, setOf({ service: "s1" })]);
  await live.reload();
  t.is(live.current(), after);
  await live.reload();
  t.deepEqual([...live.profiles().keys()], ["service"]);
  const event = { type: "configuration.changed", policyDigest: "p1", disabled: ["gone"], replaced: ["own"] };
  const inTime = { parts: ["profiles"], time: 7 };
  t.deepEqual(reports, [
    ["configuration.changed", { ...event, ...inTime, configHash: "s1+l2+a1", profiles: ["arena", "lobby"] }],
    ["reloaded", { changed: ["arena", "lobby"], gone: [], policies: [] }],
    ["configuration.changed", { ...event, ...inTime, configHash: "s1", profiles: ["arena", "lobby"] }],
    ["reloaded", { changed: ["arena", "lobby"], gone: ["arena", "lobby"], policies: [] }],
  ]);
});

test("until the event is stored the old ones serve; an event that can't be stored leaves them", async (t) => {
  const stored = Promise.withResolvers<void>();
  const { live, reports } = reloading([setOf({ service: "s2" })], () => stored.promise);
  const reloaded = live.reload();
  await new Promise(setImmediate);
  t.is(reports[0]?.[0], "configuration.changed");
  t.is(live.current(), BEFORE);
  const error = new Error("full");
  stored.reject(error);
  await reloaded;
  t.is(live.current(), BEFORE);
  t.deepEqual(reports.slice(1), [["failed", error]]);
});

test("files with faults leave the old ones, and every fault is reported", async (t) => {
  const faults: Fault[] = [{ file: "a.yaml", line: 3, path: "keys", message: "is required" }];
  const { live, reports } = reloading([new ConfigError(faults), setOf({ lobby: "l9" })]);
  await live.reload();
  t.is(live.current(), BEFORE);
  t.deepEqual(reports, [["refused", faults]]);
  await live.reload();
  t.deepEqual([...live.profiles().keys()], ["lobby"], "the next good files are taken over");
});

test("without a change there is no event", async (t) => {
  const { live, reports } = reloading([setOf({ service: "s1", lobby: "l1" })]);
  await live.reload();
  t.deepEqual(reports, [["reloaded", { changed: [], gone: [], policies: [] }]]);
});

test("reloads happen one after the other, so that the last files win", async (t) => {
  const first = Promise.withResolvers<void>();
  const waits = [first.promise];
  const last = setOf({ service: "s3" });
  const { live } = reloading([setOf({ service: "s2" }), last], () => waits.shift() ?? Promise.resolve());
  const both = [live.reload(), live.reload()];
  first.resolve();
  await Promise.all(both);
  t.is(live.current(), last);
});

for (const [what, keysets, message] of [
  ["a keyset that is not open", [...KEYSETS, keyset("new", HOUR)], "is not open in the running service"],
  ["another algorithm", [keyset("service", HOUR, "ES256")], "signs with EdDSA in the running service"],
  ["a longer life", [keyset("service", 2 * HOUR)], "rotates in the running service for tokens of at most 1h"],
] as const) {
  test(`${what} needs a restart, and is refused with that reason`, async (t) => {
    const { live, reports } = reloading([setOf({ service: "s2" }, keysets)]);
    await live.reload();
    t.is(live.current(), BEFORE);
    const file = `keyset ${keysets.at(-1)?.name}`;
    t.deepEqual(reports, [["refused", [{ file, path: "", message: `${message}: restart the service` }]]]);
  });
}

test("a shorter life and a keyset that no profile names any more need no restart", async (t) => {
  const { live, reports } = reloading([
    setOf({ service: "s2" }, [keyset("service", HOUR / 2)]),
    setOf({ lobby: "l1" }, []),
  ]);
  await live.reload();
  await live.reload();
  t.deepEqual([...live.profiles().keys()], ["lobby"]);
  t.deepEqual(
    reports.filter(([type]) => type === "refused" || type === "failed"),
    [],
  );
});

test("a policy that changed alone is recorded and adopted, and so is the one beside it", async (t) => {
  const profiles = { service: "s1", lobby: "l1" };
  const promoted = setOf(profiles, KEYSETS, { policy: "p2" });
  const tried = setOf(profiles, KEYSETS, { policy: "p2", shadow: "s1" });
  const { live, reports } = reloading([promoted, tried]);
  await live.reload();
  t.is(live.current(), promoted);
  await live.reload();
  t.is(live.current(), tried);
  t.deepEqual(
    reports.map(([type, report]) => [type, (report as { policies?: unknown; policyDigest?: unknown }).policyDigest]),
    [
      ["configuration.changed", "p2"],
      ["reloaded", undefined],
      ["configuration.changed", "p2"],
      ["reloaded", undefined],
    ],
  );
  t.like(reports[0]?.[1], { profiles: [], parts: ["policy"] });
  t.like(reports[2]?.[1], { profiles: [], parts: ["shadow"] });
  t.like(reports[1]?.[1], { changed: [], policies: ["policy"] });
  t.like(reports[3]?.[1], { changed: [], policies: ["shadow"] });
});

test("a change is announced when the new set is in use, until its listener is removed", async (t) => {
  const { live } = reloading([setOf({ service: "s2" }), BEFORE, new ConfigError([]), setOf({ service: "s3" })]);
  const seen: unknown[] = [];
  const remove = live.onChange(() => seen.push([...live.profiles().values()].map(({ digest }) => digest)));
  await live.reload();
  await live.reload();
  t.deepEqual(seen, [["s2"], ["s1", "l1"]]);
  await live.reload();
  t.is(seen.length, 2, "what is refused changes nothing");
  remove();
  await live.reload();
  t.is(seen.length, 2);
});
