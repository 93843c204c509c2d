import { hash } from "node:crypto";
import { CodedError } from "../../coded-error.ts";
import { base64Bytes } from "./base64.ts";

/** MALFORMED: it is no signed note, or no verifier key. UNSIGNED: it has no valid signature of the key. */
export class NoteError extends CodedError<"MALFORMED" | "UNSIGNED"> {}

/** The name and the public key of a signer (C2SP signed-note). The name is the origin of the signer's log. */
export interface VerifierKey {
  /** Without spaces and plus signs. */
  readonly name: string;
  /** Ed25519: 32 bytes (RFC 8032). */
  readonly publicKey: Buffer;
}

const ED25519 = 1;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const KEY_ID_BYTES = 4;

/** The key as auditors configure it: `<name>+<key id>+<base64 of type and key>`, as in tlog policies. */
export function verifierKeyText(key: VerifierKey): string {
  return `${key.name}+${keyId(key).toString("hex")}+${typedKey(key).toString("base64")}`;
}

/** Reads what {@link verifierKeyText} writes. Throws a {@link NoteError} MALFORMED. */
export function parseVerifierKey(text: string): VerifierKey {
  const [, name, id, typed] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u.exec(text) ?? [];
  const bytes = typed === undefined ? undefined : base64Bytes(typed);
  if (name === undefined || bytes?.length !== 1 + PUBLIC_KEY_BYTES || bytes[0] !== ED25519)
    throw new NoteError("MALFORMED", "a verifier key must be NAME+KEY_ID+KEY, of an Ed25519 key");
  const key = { name, publicKey: bytes.subarray(1) };
  if (keyId(key).toString("hex") !== id)
    throw new NoteError("MALFORMED", `the verifier key of ${name} has the id of another key`);
  return key;
}

/** The note of a text, which must end with a line break, with one signature. `sign` is Ed25519 over the text. */
export function signNote(text: string, key: VerifierKey, sign: (data: Buffer) => Buffer): string {
  const signature = Buffer.concat([keyId(key), sign(Buffer.from(text))]);
  return `${text}\n— ${key.name} ${signature.toString("base64")}\n`;
}

/**
 * The text of a note that the key has signed; `verify` is Ed25519 over the text. Signatures of other keys are ignored,
 * as the format demands. Throws a {@link NoteError}.
 */
export function openNote(note: string, key: VerifierKey, verify: (data: Buffer, signature: Buffer) => boolean): string {
  const { text, signatures } = parseNote(note);
  const id = keyId(key);
  const own = signatures.filter(({ name, bytes }) => name === key.name && bytes.subarray(0, KEY_ID_BYTES).equals(id));
  const isSigned = own.some(
    ({ bytes }) =>
      bytes.length === KEY_ID_BYTES + SIGNATURE_BYTES &&
      verify(Buffer.from(text), Buffer.from(bytes.subarray(KEY_ID_BYTES))),
  );
  if (!isSigned) throw new NoteError("UNSIGNED", `the note has no valid signature of ${key.name}`);
  return text;
}

interface NoteSignature {
  readonly name: string;
  /** The id of the key and what it made. */
  readonly bytes: Buffer;
}

/** The text and all signatures of a note, none of them checked. Throws a {@link NoteError} MALFORMED. */
export function parseNote(note: string): { readonly text: string; readonly signatures: readonly NoteSignature[] } {
  // The last empty line divides them: the text may have others.
  const end = note.lastIndexOf("\n\n");
  const lines = note.slice(end + 2).split("\n");
  if (end === -1 || lines.pop() !== "" || lines.length === 0 || hasControlCharacter(note)) throw malformed();
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [, name, signature] = /^— ([^\s+]+) ([A-Za-z0-9+/]+=*)$/u.exec(line) ?? [];
  const bytes = signature === undefined ? undefined : base64Bytes(signature);
  if (name === undefined || bytes === undefined || bytes.length <= KEY_ID_BYTES) throw malformed();
  return { name, bytes };
}

function malformed(): NoteError {
  return new NoteError("MALFORMED", "this is not a signed note: a text, an empty line and lines of signatures");
}

function hasControlCharacter(note: string): boolean {
  return /(?!\n)\p{Cc}/u.test(note);
}

// It finds the key. It is no protection: anybody can make a key with the same id.
function keyId(key: VerifierKey): Buffer {
  return hash("sha256", Buffer.concat([Buffer.from(`${key.name}\n`), typedKey(key)]), "buffer").subarray(
    0,
    KEY_ID_BYTES,
  );
}

function typedKey({ publicKey }: VerifierKey): Buffer {
  return Buffer.concat([Buffer.from([ED25519]), publicKey]);
}
