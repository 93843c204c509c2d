import test from "ava";
import { testWithNats } from "../support/nats/nats-server.ts";
import { shared } from "../support/service/shared.ts";
import { emptyHosts, packedPackage } from "./hosts.ts";
import { linesBelow } from "./lines-below.ts";

const archive = shared(test, packedPackage);

/** What nats-server logs of a client that proves to be no user. */
const REFUSED = "authentication error";
const untilRefused = `until grep -q "${REFUSED}" "$ROOT/run/nats-server.log"; do sleep 0.1; done`;

test("on one host with systemd the lines of the page lead to a token over mTLS", async (t) => {
  t.timeout(300_000, "it builds the package and starts a service twice");
  const hosts = await emptyHosts(t, await archive());
  const install = linesBelow("docs/systemd.md", "Install");
  const [secure = "", call = "", revoke = "", ...more] = linesBelow("docs/deploy.md", "One host with systemd");
  t.deepEqual([install.length, more.length], [1, 0]);
  for (const lines of [...install, secure]) {
    const { code, output } = await hosts.run(10, lines);
    t.is(code, 0, output);
  }
  const stranger = await hosts.run(10, call.replace(/^export SIGNET_CERT.*$/m, ""));
  t.not(stranger.code, 0, "negative control: without a certificate there is no token");
  t.regex(stranger.output, /UNAUTHENTICATED|PERMISSION_DENIED/);
  const { code, output } = await hosts.run(10, call);
  t.is(code, 0, output);
  t.regex(output, /^valid$/m);
  t.regex(output, /"kty":"OKP"/);

  // As signet-backup.service does.
  const [restore = "", restoreBeside = ""] = linesBelow("docs/deploy.md", "Backup and restore");
  const variables = /^export .*$/m.exec(restore)?.[0] ?? "";
  const backup = await hosts.run(10, `systemctl stop signet\n${variables}\nsignet keys export --out ~/keys.signet`);
  t.is(backup.code, 0, backup.output);
  const verifyAgain = call.split("\n").filter((line) => !line.startsWith("signet token issue"));
  const wait = secure.split("\n").filter((line) => line.startsWith("signet health"));
  const restored = await hosts.run(10, [restore, "cd /etc/signet", ...wait, "cd", ...verifyAgain].join("\n"));
  t.is(restored.code, 0, restored.output);
  t.regex(restored.output, /^valid$/m, "the token of before is valid under the restored keys");
  const revoked = await hosts.run(10, [...exportsOf(call), revoke, ...verifyAgain].join("\n"));
  t.regex(revoked.output, /REVOKED/);

  const lose = `systemctl stop signet
mkdir -p /var/lib/signet-backups
cp ~/keys.signet /var/lib/signet-backups
rm -r /var/lib/signet/state`;
  // These hosts have no users.
  const asAnybody = restoreBeside.replace(/^setpriv .*\\\n/m, "");
  const beside = await hosts.run(10, [lose, asAnybody, "cd /etc/signet", ...wait, "cd", ...verifyAgain].join("\n"));
  t.is(beside.code, 0, beside.output);
  t.regex(beside.output, /^valid$/m, "the backup has no revocation yet");
});

testWithNats("on three hosts with a NATS cluster the lines of the page lead to a token over mTLS", async (t) => {
  t.timeout(300_000, "it starts three NATS servers and three services");
  const hosts = await emptyHosts(t, await archive());
  const [share = "", nats = "", signet = "", call = "", revoke = "", ...more] = linesBelow(
    "docs/deploy.md",
    "Three replicas on a NATS cluster",
  );
  t.is(more.length, 0);
  const shared = await hosts.run("operator", share);
  t.is(shared.code, 0, shared.output);
  for (const lines of [nats, signet]) {
    const outcomes = await Promise.all([1, 2, 3].map((host) => hosts.run(host, lines)));
    for (const { code, output } of outcomes) t.is(code, 0, output);
  }
  const { code, output } = await hosts.run("operator", call);
  t.is(code, 0, output);
  t.regex(output, /^valid$/m);
  t.regex(output, /token\.issued/);
  const revoked = await hosts.run("operator", [...exportsOf(call), revoke].join("\n"));
  t.is(revoked.code, 0, revoked.output);

  // A new replica without two lines of the page, as soon as NATS has refused it.
  const again = await hosts.run("operator", "scp -rq cluster root@192.0.2.1:");
  t.is(again.code, 0, again.output);
  const withoutUser = signet
    .replace(/^ {2}(?:user|password)_file: .*\n/gm, "")
    .replace("signet health --wait 60s", `${untilRefused}\nsignet health`);
  const refused = await hosts.run(1, `systemctl stop signet\nrm -r /var/lib/signet\n${withoutUser}`);
  t.not(refused.code, 0, "negative control: without the lines that name its user, the walk fails");
  t.true(refused.output.includes(REFUSED), refused.output);
});

/** The lines that say where to call, and as whom. */
function exportsOf(lines: string): string[] {
  return lines.split("\n").filter((line) => line.startsWith("export"));
}
