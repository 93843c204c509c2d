import { X509Certificate } from "node:crypto";
import test from "ava";
import { lapsed, trustIn } from "../../src/tls/client-trust.ts";
import { clientCertificate, createAuthority, type Issued } from "../support/tls/certificates.ts";

const parse = ({ cert }: Issued) => new X509Certificate(cert);
const HOUR_MS = 3_600_000;

test("of CAs with one name, the trust rests on the one whose key has signed, and lapses with it", async (t) => {
  const twins = [await createAuthority("twin"), await createAuthority("twin")] as const;
  const leaf = parse(await clientCertificate(twins[1]));
  const [first, second] = twins.map(parse);
  const trust = trustIn(
    [leaf],
    [first, second].filter((twin) => twin !== undefined),
  );
  t.deepEqual(trust.authorities, [second?.fingerprint256]);
  t.deepEqual(lapsed([{ trust }], second ? [second] : []), []);
  t.deepEqual(lapsed([{ trust }], first ? [first] : []), [{ trust }]);
});

test("a trust ends with the first certificate of its chain", async (t) => {
  const soon = new Date(Math.trunc(Date.now() / 1000) * 1000 + HOUR_MS);
  const [lasting, ending] = [await createAuthority(), await createAuthority("ending", { notAfter: soon })];
  const short = parse(await clientCertificate(lasting, { notAfter: soon }));
  t.is(trustIn([short], [parse(lasting)]).until, soon.getTime());
  t.is(trustIn([parse(await clientCertificate(ending))], [parse(ending)]).until, soon.getTime());
});

test("a certificate of none of the CAs rests on nothing", async (t) => {
  const leaf = parse(await clientCertificate(await createAuthority("a")));
  t.deepEqual(trustIn([leaf], [parse(await createAuthority("b"))]).authorities, []);
});
