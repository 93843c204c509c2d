/** The owner, the group and the mode of a file or folder, as `stat` reports them. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** The user and the groups of this process. */
export interface Self {
  readonly uid: number;
  readonly groups: readonly number[];
}

/** What is wrong with a path, what is allowed, and the command that mends it. The message goes on after the path. */
export interface AccessFault {
  readonly path: string;
  readonly message: string;
}

/**
 * What is allowed at a path. Only root and the user of this process may own it, unless it is `public`: another owner
 * could change its mode at any time.
 *
 * - `private`: any access for its group, none for others. Kubernetes opens a volume to a group (`fsGroup`).
 * - `entrance`, a folder of private folders: others may list it and pass, as they may in the root of a new volume.
 * - `public`: others may read it, and the user who deploys it may own it.
 */
export type Allowed = "private" | "entrance" | "public";

const ROOT = 0;
const OTHERS = 0o007;
const OTHERS_WRITE = 0o002;
const GROUP = 0o070;
const GROUP_READ = 0o040;
const GROUP_WRITE = 0o020;
const STICKY = 0o1000;

export function accessFaults(path: string, found: Ownership, allowed: Allowed, self: Self): AccessFault[] {
  const faults = allowed === "public" ? [] : ownerFaults(path, found, self);
  if (allowed === "private") faults.push(...othersFaults(path, found));
  else if ((found.mode & OTHERS_WRITE) !== 0) faults.push(writersFault(path, found));
  return faults;
}

/**
 * The faults of a file with a secret. A group may read it if this process is in the group. A group that may replace the
 * file in its `folder` may write it as well: Kubernetes makes both so on a volume that is not read-only. Root's own
 * group may read a file of root, and nothing else: where systemd lets a service read a credential by an access control
 * list, the mode shows the mask of that list as the rights of the group.
 *
 * Root is told to run this as another user rather than to change what may belong to a service that runs as that user.
 */
export function secretFaults(path: string, found: Ownership, folder: Ownership | undefined, self: Self): AccessFault[] {
  const faults = [...ownerFaults(path, found, self), ...othersFaults(path, found)];
  const group = found.mode & GROUP;
  const isMember = self.groups.includes(found.gid);
  const mayReplace = isMember && folder !== undefined && folder.gid === found.gid && (folder.mode & GROUP_WRITE) !== 0;
  const isOfRoot = found.uid === ROOT && found.gid === 0;
  const has = `has mode ${octal(found)}`;
  if (group !== 0 && !isMember && !isOfRoot) {
    const rule = `of its groups, only one of this process may read it, ${self.groups.join(" or ")}`;
    const wayOut = self.uid === ROOT ? `run this as ${userOf(found)}` : `chmod g-rwx ${path}`;
    faults.push({ path, message: `${has} and group ${found.gid}: ${rule} (${wayOut})` });
  } else if ((group & ~(mayReplace ? GROUP_READ | GROUP_WRITE : GROUP_READ)) !== 0)
    faults.push({ path, message: `${has}: its group may read it, and nothing else (chmod g-wx ${path})` });
  return faults;
}

/** The fault of a folder above a path where others may rename the path's folders, and so replace them. */
export function replacementFaults(folder: string, found: Ownership): AccessFault[] {
  // In a sticky folder, such as /tmp, only the owner of an entry may rename it.
  return (found.mode & OTHERS_WRITE) === 0 || (found.mode & STICKY) !== 0 ? [] : [writersFault(folder, found)];
}

function ownerFaults(path: string, { uid }: Ownership, self: Self): AccessFault[] {
  if (uid === ROOT || uid === self.uid) return [];
  const [owners, wayOut] =
    self.uid === ROOT
      ? ["root", `run this as uid ${uid}`]
      : [`root and uid ${self.uid}`, `chown ${self.uid} ${path}, or run this as uid ${uid}`];
  return [{ path, message: `belongs to uid ${uid}: only ${owners} may own it (${wayOut})` }];
}

/** For whom a secret with a group is: its owner, or, where that is root, a member of the group. */
function userOf({ uid, gid }: Ownership): string {
  return uid === ROOT ? `the user of the service, who is in group ${gid}` : `uid ${uid}`;
}

function othersFaults(path: string, found: Ownership): AccessFault[] {
  if ((found.mode & OTHERS) === 0) return [];
  return [{ path, message: `has mode ${octal(found)}: others must have no access to it (chmod o-rwx ${path})` }];
}

function writersFault(path: string, found: Ownership): AccessFault {
  const rule = "others must not write to it, nor replace what is in it";
  return { path, message: `has mode ${octal(found)}: ${rule} (chmod o-w ${path})` };
}

function octal({ mode }: Ownership): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
