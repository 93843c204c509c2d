import { logged, testOnPods } from "../chart/pod.ts";
import { configText, only, replicaTemplate } from "../chart/rendered.ts";
import { emptyCluster } from "./cluster.ts";
import { packedPackage } from "./hosts.ts";
import { linesBelow } from "./lines-below.ts";

testOnPods("on Kubernetes the lines of the page lead to a token over mTLS", async (t) => {
  t.timeout(300_000, "it builds the package, and starts three NATS servers and three replicas");
  const { hosts, ...cluster } = await emptyCluster(t, await packedPackage(t));
  const follow = async (host: number | "operator", lines: string) => {
    const { code, output } = await hosts.run(host, lines);
    t.is(code, 0, output);
    return output;
  };
  const [share = "", nats = ""] = linesBelow("docs/deploy.md", "Three replicas on a NATS cluster");
  const [image = "", secrets = "", install = "", wait = "", call = "", upgrade = "", ...more] = linesBelow(
    "docs/deploy.md",
    "Kubernetes",
  );
  t.is(more.length, 0);

  await follow("operator", share);
  await Promise.all([1, 2, 3].map((host) => follow(host, nats)));
  await follow("operator", image);
  await follow("operator", secrets);
  t.regex(await follow("operator", install), /^1 chart\(s\) linted, 0 chart\(s\) failed$/m);

  const installed = await cluster.manifests();
  const [, pushed = ""] = /^docker push (\S+)$/m.exec(image) ?? [];
  t.true(image.includes(`IMAGE=${pushed}\n`));
  t.is(replicaTemplate(installed).spec.containers[0].image, pushed);
  t.like(only(installed, "StatefulSet", "signet").spec, { replicas: 3 });
  const { ports } = only(installed, "Service", "signet").spec as { ports: readonly { port: number }[] };
  t.true(ports.some(({ port }) => port === 50051));
  t.regex(configText(installed), /first_start: true/);

  const pods = await cluster.startReplicas();
  await Promise.all(pods.map((pod) => logged(pod, "ready")));
  const chartTest = await cluster.startTest();
  t.is(await chartTest.ended, 0, chartTest.errors());
  await follow("operator", wait);

  const stranger = await hosts.run("operator", call.replace(/^export SIGNET_CERT.*$/m, ""));
  t.not(stranger.code, 0, "negative control: without a certificate there is no token");
  t.regex(stranger.output, /UNAUTHENTICATED|PERMISSION_DENIED/);
  t.regex(await follow("operator", call), /^valid$/m);

  await follow("operator", upgrade);
  t.regex(configText(await cluster.manifests()), /first_start: false/);
});
