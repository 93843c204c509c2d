import test from "ava";
import { accessFaults, replacementFaults, secretFaults } from "../../src/files/access.ts";

const ROOT = 0;
const SELF = { uid: 65_534, groups: [65_534, 2_000] };
const STRANGER = 1_000;

const found = (mode: number, uid = SELF.uid, gid = 2_000) => ({ mode, uid, gid });
const textsOf = (faults: readonly { path: string; message: string }[]) =>
  faults.map(({ path, message }) => `${path} ${message}`);

for (const mode of [0o100600, 0o100660, 0o042770, 0o040700]) {
  test(`mode ${mode.toString(8)} of a private path is in order, whatever its group`, (t) => {
    for (const gid of [...SELF.groups, STRANGER])
      t.deepEqual(accessFaults("/d", found(mode, SELF.uid, gid), "private", SELF), []);
  });
}

for (const bit of [0o004, 0o002, 0o001]) {
  test(`bit ${bit} for others is a fault of a private path and of a secret, and the text mends it`, (t) => {
    const expected = [`/d has mode 060${bit}: others must have no access to it (chmod o-rwx /d)`];
    t.deepEqual(textsOf(accessFaults("/d", found(0o600 | bit), "private", SELF)), expected);
    t.deepEqual(textsOf(secretFaults("/d", found(0o600 | bit), undefined, SELF)), expected);
  });
}

test("others may list the folder of private folders and read what is public, but write to neither", (t) => {
  for (const allowed of ["entrance", "public"] as const) {
    t.deepEqual(accessFaults("/d", found(0o042775), allowed, SELF), []);
    t.deepEqual(textsOf(accessFaults("/d", found(0o041777), allowed, SELF)), [
      "/d has mode 1777: others must not write to it, nor replace what is in it (chmod o-w /d)",
    ]);
  }
});

test("only root and the user of the process may own what is private, a secret or the data folder", (t) => {
  const expected = [
    "/d belongs to uid 1000: only root and uid 65534 may own it (chown 65534 /d, or run this as uid 1000)",
  ];
  const owned = (uid: number) => [
    accessFaults("/d", found(0o700, uid), "private", SELF),
    accessFaults("/d", found(0o700, uid), "entrance", SELF),
    secretFaults("/d", found(0o400, uid), undefined, SELF),
  ];
  for (const faults of owned(STRANGER)) t.deepEqual(textsOf(faults), expected);
  for (const faults of [...owned(ROOT), ...owned(SELF.uid)]) t.deepEqual(faults, []);
  t.deepEqual(accessFaults("/d", found(0o644, STRANGER), "public", SELF), [], "the user who deploys it");
});

test("root is told to run as the user whom a path is for, and not to take it from a service", (t) => {
  const root = { uid: ROOT, groups: [0] };
  const ofAnother = ["/d belongs to uid 1000: only root may own it (run this as uid 1000)"];
  t.deepEqual(textsOf(accessFaults("/d", found(0o700, STRANGER), "private", root)), ofAnother);
  t.deepEqual(textsOf(secretFaults("/d", found(0o600, STRANGER), undefined, root)), ofAnother);
  t.deepEqual(textsOf(secretFaults("/d", found(0o640, ROOT, 2_000), undefined, root)), [
    "/d has mode 0640 and group 2000: of its groups, only one of this process may read it, 0 " +
      "(run this as the user of the service, who is in group 2000)",
  ]);
  const both = textsOf(secretFaults("/d", found(0o640, STRANGER, 2_000), undefined, root));
  t.is(both.length, 2);
  for (const text of both) t.regex(text, /\(run this as uid 1000\)$/);
  t.deepEqual(secretFaults("/d", found(0o600, ROOT, 0), undefined, root), [], "control: root's own");
});

test("a group of the process may read a secret, as fsGroup sets it up; another group may not", (t) => {
  for (const gid of SELF.groups) t.deepEqual(secretFaults("/k", found(0o440, ROOT, gid), undefined, SELF), []);
  t.deepEqual(textsOf(secretFaults("/k", found(0o440, ROOT, STRANGER), undefined, SELF)), [
    "/k has mode 0440 and group 1000: of its groups, only one of this process may read it, 65534 or 2000 " +
      "(chmod g-rwx /k)",
  ]);
});

test("root's group may read a secret of root, as a credential's access control list shows, and not write it", (t) => {
  t.deepEqual(secretFaults("/k", found(0o440, ROOT, 0), undefined, SELF), []);
  for (const folder of [undefined, found(0o042770, ROOT, 0)])
    t.is(secretFaults("/k", found(0o460, ROOT, 0), folder, SELF).length, 1);
  t.is(secretFaults("/k", found(0o440, SELF.uid, 0), undefined, SELF).length, 1);
});

test("a group may write a secret only where it may replace it", (t) => {
  const expected = ["/k has mode 0660: its group may read it, and nothing else (chmod g-wx /k)"];
  const secret = found(0o660, ROOT, 2_000);
  const faultsIn = (folder: Parameters<typeof secretFaults>[2]) => textsOf(secretFaults("/k", secret, folder, SELF));
  t.deepEqual(faultsIn(found(0o042770, ROOT, 2_000)), [], "a volume after kubelet's walk");
  t.deepEqual(faultsIn(found(0o042750, ROOT, 2_000)), expected, "the group may not write to the folder");
  t.deepEqual(faultsIn(found(0o042770, ROOT, 65_534)), expected, "the folder has another group");
  t.deepEqual(faultsIn(undefined), expected, "there is no folder");
  t.is(secretFaults("/k", found(0o610, ROOT, 2_000), found(0o042770, ROOT, 2_000), SELF).length, 1, "not to run it");
});

test("all faults of a path are reported", (t) => {
  t.is(secretFaults("/k", found(0o664, STRANGER, STRANGER), undefined, SELF).length, 3);
});

test("others could replace what is in a folder that is open to them and not sticky", (t) => {
  t.is(replacementFaults("/d", found(0o040777)).length, 1);
  for (const mode of [0o041777, 0o040775]) t.deepEqual(replacementFaults("/d", found(mode)), []);
});
