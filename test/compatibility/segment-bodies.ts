/** The bodies of a segment: each follows 8 bytes, which begin with its length below a mark in the top bit. */
export function bodiesOf(segment: Buffer): string[] {
  const bodies: string[] = [];
  for (let at = 0; at + 8 <= segment.length; ) {
    const length = segment.readUInt32BE(at) & 0x7fff_ffff;
    if (length === 0) break;
    bodies.push(segment.toString("utf8", at + 8, at + 8 + length));
    at += 8 + length;
  }
  return bodies;
}
