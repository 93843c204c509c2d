import { execFileSync } from "node:child_process";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { readPage } from "../docs/pages.ts";
import { blocksOf } from "../docs/walk-through.ts";
import { builtPackage } from "../support/built-package.ts";
import { findTool } from "../support/service/find-tool.ts";
import { type Ending, shared } from "../support/service/shared.ts";
import { bootMachine, testWithSystemd } from "../support/systemd/machine.ts";
import { waitUntil } from "../support/wait-until.ts";

const [INSTALL, BACK_UP] = blocksOf(readPage("docs/systemd.md"));

/** A machine on which Signet is installed as docs/systemd.md says. Each test leaves the service ready. */
const signetMachine = shared(test, async (t: Ending) => {
  const machine = await bootMachine(t);
  execFileSync("npm", ["pack", "--silent", "--pack-destination", machine.shared, await builtPackage(t)]);

  /** The output of lines that must succeed. */
  async function run(lines: string): Promise<string> {
    const { code, output } = await machine.run(`set -e\n${lines}`);
    if (code !== 0) throw new Error(`${lines} ended with ${code}: ${output}\n${(await log()).slice(-2_000)}`);
    return output.trim();
  }

  async function log(): Promise<string> {
    return (await machine.run("journalctl --unit=signet --output=cat")).output;
  }

  const installed = await run(`cd /shared\n${INSTALL?.lines}`);
  return {
    ...{ installed, run, log, shared: machine.shared },
    fails: async (lines: string) => (await machine.run(lines)).code !== 0,
    show: (property: string) => run(`systemctl show --value --property=${property} signet`),
    /** Lines for `[Service]` until the machine ends, in force from the next start on. Later names win. */
    dropIn: (name: string, lines: string) =>
      run(`mkdir -p /etc/systemd/system/signet.service.d
        printf '[Service]\\n${lines}\\n' > /etc/systemd/system/signet.service.d/${name}.conf
        systemctl daemon-reload`),
    ready: () => waitUntil("the service is ready", async () => (await run("systemctl show signet")).includes(READY)),
  };
});

const READY = "StatusText=Ready\n";
const CLIENT = "export PATH=/usr/lib/signet/bin:$PATH SIGNET_ADDRESS=127.0.0.1:50051";

testWithSystemd("the lines of docs/systemd.md install a service that is started and ready", async (t) => {
  const { installed } = await signetMachine();
  t.regex(installed, /Active: active \(running\)/);
  t.regex(installed, /Status: "Ready"/);
});

testWithSystemd("systemd warns of nothing in the units, and their exposure is at most 2.0", async (t) => {
  const { run, fails } = await signetMachine();
  t.is(
    await run("systemd-analyze verify --man=no /etc/systemd/system/signet*.service /etc/systemd/system/*.timer"),
    "",
  );
  for (const unit of ["signet", "signet-backup", "signet-archive"])
    await run(`systemd-analyze security --offline=yes --threshold=20 /etc/systemd/system/${unit}.service`);
  t.true(await fails("systemd-analyze security --offline=yes --threshold=10 /etc/systemd/system/signet.service"));
});

testWithSystemd("in its sandbox the service issues, verifies, rotates and revokes", async (t) => {
  const { run } = await signetMachine();
  const status = await run("cat /proc/$(systemctl show --value --property=MainPID signet)/status");
  for (const line of [/^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m, /^CapEff:\t0+$/m, /^Uid:\t[1-9]/m]) t.regex(status, line);
  const calls = await run(`${CLIENT}
    TOKEN=$(signet token issue service --subject alice --audience api://orders)
    signet keys rotate service
    echo "$TOKEN" | signet token verify service --audience api://orders --json
    signet token revoke --profile service --subject alice --reason test
    echo "$TOKEN" | signet token verify service --audience api://orders --json || true`);
  t.regex(calls, /"valid": true.*REVOKED/s);
  t.notRegex(await run("ls -lR /var/lib/signet"), / root /);
});

testWithSystemd("a reload uses what has changed, and one with a fault fails and changes nothing", async (t) => {
  const { run, log, fails, ready } = await signetMachine();
  await run(`mkdir /etc/signet/profiles
    sed 's/^profile: .*/profile: guest/' /usr/lib/signet/profiles/service.yaml > /etc/signet/profiles/guest.yaml
    printf 'profiles: { folder: /etc/signet/profiles }\\n' >> /etc/signet/signet.yaml
    systemctl restart signet`);
  const reloads = async () => (await log()).match(/"event":"reloaded","parts":.*?\}/g) ?? [];

  await run("sed -i 's/default: 5m/default: 4m/' /etc/signet/profiles/guest.yaml; systemctl reload signet");
  await waitUntil("the service has reloaded", async () => (await reloads()).length === 1);
  t.deepEqual(await reloads(), ['"event":"reloaded","parts":{"rules":"used"}']);
  await ready();

  await run("echo 'carrier: []' >> /etc/signet/profiles/guest.yaml");
  t.true(await fails("systemctl reload signet"));
  t.regex(await log(), /guest\.yaml:\d+ carrier/);
  await run("systemctl is-active signet");
  await run("sed -i '/^carrier/d' /etc/signet/profiles/guest.yaml; systemctl reload signet");
  await waitUntil("the service has reloaded", async () => (await reloads()).length === 2);
  t.is((await reloads())[1], '"event":"reloaded","parts":{"rules":"unchanged"}');
  await ready();
});

testWithSystemd("a service that was killed or hangs is started again", async (t) => {
  const { run, show, dropIn, ready } = await signetMachine();
  await dropIn("quick", "RestartSec=100ms\\nWatchdogSec=15s");
  await run("systemctl restart signet");
  await ready();
  const sign = await show("WatchdogTimestampMonotonic");
  await waitUntil("it gives signs of life", async () => (await show("WatchdogTimestampMonotonic")) !== sign);
  for (const signal of ["KILL", "STOP"]) {
    const pid = await show("MainPID");
    await run(`systemctl kill --signal=${signal} --kill-whom=main signet`);
    await waitUntil("another process runs", async () => !["0", pid].includes(await show("MainPID")));
    await ready();
  }
  t.true(Number(await show("NRestarts")) >= 2);
});

testWithSystemd("a service that drains for longer than the unit allows is not killed", async (t) => {
  const { run, show, dropIn } = await signetMachine();
  // Until then the service must have asked for more time, by a process of its own.
  await dropIn("slow", "TimeoutStopSec=12s\\nEnvironment=SIGNET_SHUTDOWN_DRAIN=14s");
  await run("systemctl restart signet; systemctl stop signet");
  t.is(await show("Result"), "success");
  await dropIn("slow", "");
  await run("systemctl start signet");
});

testWithSystemd("a replica that waits for NATS is started, and says what it waits for", async (t) => {
  const { run, show, ready } = await signetMachine();
  const variables = "SIGNET_STATE_STORE=nats SIGNET_DATA=/var/lib/signet/replica SIGNET_NATS_URL=nats://127.0.0.1:1";
  await run(`echo '${variables}' | tr ' ' '\\n' > /etc/signet/signet.env; systemctl restart signet`);
  await waitUntil("it says so", async () =>
    (await show("StatusText")).startsWith("Waits for: the shared state (NATS)"),
  );
  t.is(await show("ActiveState"), "active");
  await run("rm /etc/signet/signet.env; systemctl restart signet");
  await ready();
});

testWithSystemd("the keys are exported while the service is stopped, and not while it runs", async (t) => {
  const { run, fails } = await signetMachine();
  t.true(await fails("systemctl start signet-backup"));
  t.is(await run("systemctl show --value --property=ExecMainStatus signet-backup"), "75");
  await run(BACK_UP?.lines ?? "");
  t.regex(await run("ls -l /var/lib/signet-backups"), /^-rw------- 1 signet signet .* keys-.*Z\.signet$/m);
});

testWithSystemd(
  "the archiver has its own user, folder and credentials, and without NATS it fails and moves nothing",
  async (t) => {
    const { run, fails } = await signetMachine();
    await run(`${CLIENT}
    signet audit keys > /etc/signet/audit.policy
    (umask 077; printf archiver > /etc/signet/archiver.user; printf secret > /etc/signet/archiver.password)
    echo SIGNET_NATS_URL=nats://127.0.0.1:1 > /etc/signet/archive.env`);
    t.true(await fails("systemctl start signet-archive"));
    t.is(await run("systemctl show --value --property=ExecMainStatus signet-archive"), "2");
    t.regex(await run("journalctl --unit=signet-archive --output=cat"), /127\.0\.0\.1:1/);
    t.regex(await run("ls -ld /var/lib/signet-archive"), /^drwx------ \d+ signet-archive signet-archive /);
    t.is(await run("ls -A /var/lib/signet-archive"), "");
  },
);

testWithSystemd(
  "a month later the archiver's timer moves what is proven from NATS into files of its own",
  async (t) => {
    const { run, shared, show, ready } = await signetMachine();
    await copyFile(findTool("nats-server") ?? "", join(shared, "nats-server"));
    await copyFile("examples/nats/accounts.conf", join(shared, "accounts.conf"));
    await writeFile(
      join(shared, "passwords.conf"),
      'SIGNET_PASSWORD: "none"\nAUDITOR_PASSWORD: "none"\nARCHIVER_PASSWORD: "secret"\n',
    );
    await writeFile(
      join(shared, "nats.conf"),
      'include ./accounts.conf\nno_auth_user: signet\nlisten: "127.0.0.1:4222"\n',
    );
    await run(`systemd-run --quiet --unit=nats /shared/nats-server -js -sd /tmp/nats -c /shared/nats.conf
    echo SIGNET_NATS_URL=nats://127.0.0.1:4222 > /etc/signet/signet.env
    systemctl restart signet`);
    await ready();
    const clock = "data:text/javascript,const{now}=Date;Date.now=()=>now()+31*86400e3";
    await run(`${CLIENT}
    signet token issue service --subject alice --audience api://orders
    signet audit checkpoint
    signet audit keys > /etc/signet/audit.policy
    (umask 077; printf archiver > /etc/signet/archiver.user; printf secret > /etc/signet/archiver.password)
    echo SIGNET_NATS_URL=nats://127.0.0.1:4222 > /etc/signet/archive.env
    systemctl start signet-archive`);
    t.is(await run("ls -A /var/lib/signet-archive"), "", "control: nothing is 30 days old");
    // The host was off for two days: the timer makes up for it, and waits here for no random delay.
    await run(`echo 'NODE_OPTIONS=--import=${clock}' >> /etc/signet/archive.env
    mkdir -p /var/lib/systemd/timers /etc/systemd/system/signet-archive.timer.d
    touch --date='2 days ago' /var/lib/systemd/timers/stamp-signet-archive.timer
    printf '[Timer]\\nRandomizedDelaySec=0\\n' > /etc/systemd/system/signet-archive.timer.d/now.conf
    systemctl daemon-reload
    systemctl enable --now signet-archive.timer`);
    const said = () => run("journalctl --unit=signet-archive --output=cat");
    await waitUntil("it has moved something", async () => (await said()).includes('"archived"'));
    await waitUntil("it has ended", async () =>
      (await run("systemctl show signet-archive")).includes("ActiveState=inactive\n"),
    );
    t.regex(await said(), /^\{"type":"archived","stream":"SIGNET_AUDIT","from":1,.*"trimmed":true\}$/m);
    t.regex(
      await run("ls -l /var/lib/signet-archive"),
      /^-rw------- 1 signet-archive signet-archive .* audit-000001\.ndjson$/m,
    );
    const file = "/var/lib/signet-archive/audit-000001.ndjson";
    t.regex(await run(`cat ${file}`), /"tokenIssued":/);
    t.regex(await run(`${CLIENT}; signet audit verify --policy /etc/signet/audit.policy ${file}`), /^proven: /m);
    await run("rm /etc/signet/signet.env; systemctl restart signet; systemctl stop nats");
    await ready();
    t.is(await show("ActiveState"), "active");
  },
  ["nats-server"],
);

testWithSystemd("a service that only an operator can mend stays down, and says why", async (t) => {
  const { run, log, fails, show, ready } = await signetMachine();
  await run(
    "cp /etc/signet/kek /etc/signet/kek.right; tr A-Za-z N-ZA-Mn-za-m < /etc/signet/kek.right > /etc/signet/kek",
  );
  t.true(await fails("systemctl restart signet"));
  t.deepEqual([await show("ActiveState"), await show("ExecMainStatus")], ["failed", "77"]);
  t.regex(await log(), /error: KEK: /);
  await run("mv /etc/signet/kek.right /etc/signet/kek; systemctl start signet");
  await ready();
});
