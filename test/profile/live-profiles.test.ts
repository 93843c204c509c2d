import test from "ava";
import type { AuditEvent } from "../../src/audit/event.ts";
import { keyPolicy } from "../../src/keys/rotating/policy.ts";
import type { ProfileSet } from "../../src/profile/keysets.ts";
import { createLiveProfiles } from "../../src/profile/live-profiles.ts";
import type { Profile } from "../../src/profile/model/profile.ts";
import { ConfigError, type Fault } from "../../src/schema/fault.ts";

const HOUR = 3_600_000;
const KEYSETS = [keyset("service", HOUR)];
const BEFORE = setOf({ service: "s1", lobby: "l1" });

function keyset(name: string, maxTtl: number, algorithm: "EdDSA" | "ES256" = "EdDSA") {
  return { name, algorithm, policy: keyPolicy({ maxTtl }) };
}

function setOf(digests: Record<string, string>, keysets: ProfileSet["keysets"] = KEYSETS): ProfileSet {
  const profiles = Object.entries(digests).map(([name, digest]) => [name, { name, digest } as Profile] as const);
  return { profiles: new Map(profiles), keysets, retired: [] };
}

/** Profiles that load one of `loads` at each reload, and what was reported of them, in order. */
function reloading(loads: (ProfileSet | Error)[], append: (event: AuditEvent) => Promise<void> = async () => {}) {
  const reports: [string, unknown][] = [];
  const live = createLiveProfiles({
    initial: BEFORE,
    choice: { disable: ["gone"], replace: ["own"] },
    load: () => {
      const next = loads.shift() ?? BEFORE;
      if (next instanceof Error) throw next;
      return next;
    },
    hashOf: (profiles) => [...profiles.values()].map(({ digest }) => digest).join("+"),
    audit: {
      append(event, time) {
        reports.push([event.type, { ...event, time }]);
        return append(event);
      },
    },
    now: () => 7,
    observer: {
      onReloaded: (changed, gone) => reports.push(["reloaded", { changed, gone }]),
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
  t.is(live.current(), after.profiles);
  await live.reload();
  t.deepEqual([...live.current().keys()], ["service"]);
  const event = { type: "configuration.changed", disabled: ["gone"], replaced: ["own"], time: 7 };
  t.deepEqual(reports, [
    ["configuration.changed", { ...event, configHash: "s1+l2+a1", profiles: ["arena", "lobby"] }],
    ["reloaded", { changed: ["arena", "lobby"], gone: [] }],
    ["configuration.changed", { ...event, configHash: "s1", profiles: ["arena", "lobby"] }],
    ["reloaded", { changed: ["arena", "lobby"], gone: ["arena", "lobby"] }],
  ]);
});

test("until the event is stored the old ones serve; an event that can't be stored leaves them", async (t) => {
  const stored = Promise.withResolvers<void>();
  const { live, reports } = reloading([setOf({ service: "s2" })], () => stored.promise);
  const reloaded = live.reload();
  await new Promise(setImmediate);
  t.is(reports[0]?.[0], "configuration.changed");
  t.is(live.current(), BEFORE.profiles);
  const error = new Error("full");
  stored.reject(error);
  await reloaded;
  t.is(live.current(), BEFORE.profiles);
  t.deepEqual(reports.slice(1), [["failed", error]]);
});

test("files with faults leave the old ones, and every fault is reported", async (t) => {
  const faults: Fault[] = [{ file: "a.yaml", line: 3, path: "keys", message: "is required" }];
  const { live, reports } = reloading([new ConfigError(faults), setOf({ lobby: "l9" })]);
  await live.reload();
  t.is(live.current(), BEFORE.profiles);
  t.deepEqual(reports, [["refused", faults]]);
  await live.reload();
  t.deepEqual([...live.current().keys()], ["lobby"], "the next good files are taken over");
});

test("without a change there is no event", async (t) => {
  const { live, reports } = reloading([setOf({ service: "s1", lobby: "l1" })]);
  await live.reload();
  t.deepEqual(reports, [["reloaded", { changed: [], gone: [] }]]);
});

test("reloads happen one after the other, so that the last files win", async (t) => {
  const first = Promise.withResolvers<void>();
  const waits = [first.promise];
  const last = setOf({ service: "s3" });
  const { live } = reloading([setOf({ service: "s2" }), last], () => waits.shift() ?? Promise.resolve());
  const both = [live.reload(), live.reload()];
  first.resolve();
  await Promise.all(both);
  t.is(live.current(), last.profiles);
});

for (const [what, keysets, message] of [
  ["a keyset that is not open", [...KEYSETS, keyset("new", HOUR)], "is not open in the running service"],
  ["another algorithm", [keyset("service", HOUR, "ES256")], "signs with EdDSA in the running service"],
  ["a longer life", [keyset("service", 2 * HOUR)], "rotates in the running service for tokens of at most 1h"],
] as const) {
  test(`${what} needs a restart, and is refused with that reason`, async (t) => {
    const { live, reports } = reloading([setOf({ service: "s2" }, keysets)]);
    await live.reload();
    t.is(live.current(), BEFORE.profiles);
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
  t.deepEqual([...live.current().keys()], ["lobby"]);
  t.deepEqual(
    reports.filter(([type]) => type === "refused" || type === "failed"),
    [],
  );
});
