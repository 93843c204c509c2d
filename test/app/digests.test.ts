import test from "ava";
import { configDigests } from "../../src/app/digests.ts";
import { loadConfig } from "../../src/config/load.ts";

const digests = (env: Record<string, string>) => configDigests(loadConfig({ env }));

/** The parts that differ from those of a service with no settings. */
function differing(env: Record<string, string>): string[] {
  const [left, right] = [digests({}), digests(env)];
  return Object.keys(left).filter((part) => left[part] !== right[part]);
}

test("settings that are a replica's own may differ without being reported", (t) => {
  const own = { SIGNET_GRPC_ADDRESS: "127.0.0.1:1", SIGNET_DATA: "/elsewhere", SIGNET_LOG_LEVEL: "warn" };
  t.deepEqual(differing(own), []);
});

test("another issuer, another rotation and other keysets have different digests", (t) => {
  t.deepEqual(differing({ SIGNET_ISSUER: "https://other.example" }), ["issuer"]);
  t.deepEqual(differing({ SIGNET_ROTATION_VERIFIER_CACHE: "1h" }), ["rotation"]);
  const config = loadConfig({ env: {} });
  const fewer = configDigests({ ...config, keysets: config.keysets.slice(1) });
  t.not(fewer.keysets, digests({}).keysets);
});

test("profiles that are disabled or replaced have different digests, whatever their order", (t) => {
  t.deepEqual(differing({ SIGNET_PROFILES_DISABLE: "shoplive" }), ["keysets"]);
  t.deepEqual(
    digests({ SIGNET_PROFILES_DISABLE: "shoplive,hivekit" }),
    digests({ SIGNET_PROFILES_DISABLE: "hivekit,shoplive" }),
  );
  t.deepEqual(differing({ SIGNET_PROFILES_DISABLE: "euler-stream" }), ["keysets", "rotation"]);
});

test("the order of the keysets makes no difference", (t) => {
  const config = loadConfig({ env: {} });
  t.true(config.keysets.length > 1);
  t.deepEqual(configDigests({ ...config, keysets: config.keysets.toReversed() }), digests({}));
});
