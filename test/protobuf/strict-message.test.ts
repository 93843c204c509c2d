import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import test from "ava";
import { loadContract, methodOf } from "../../src/protobuf/contract.ts";
import { messageShape } from "../../src/protobuf/message-shape.ts";
import { checkMessage } from "../../src/protobuf/strict-message.ts";
import { field, hex, number, tag, varint } from "../support/protobuf/bytes.ts";

const registry = createFileRegistry(loadContract());
const ISSUE = methodOf(registry, "/signet.v1.TokenService/IssueToken").input;
const VERIFY = methodOf(registry, "/signet.v1.TokenService/VerifyToken").input;
const IMPORT = methodOf(registry, "/signet.v1.KeyService/ImportKey").input;

const TRUE = number(4, 1);
const entry = (...parts: Uint8Array[]) => field(6, field(1, Buffer.concat(parts)));
const claim = (value: Uint8Array) => entry(field(1, "a"), field(2, value));
const EVIL = "1a 04 6576696c";

/** A claims object of this many messages inside each other: Struct, entry, Value, Struct and so on. */
function nested(depth: number): Buffer {
  let value = TRUE;
  for (let levels = depth; levels > 3; levels -= 3)
    value = field(5, field(1, Buffer.concat([field(1, ""), field(2, value)])));
  return claim(value);
}

for (const [what, type, bytes, fault] of [
  ["an end tag inside claims", ISSUE, field(6, hex(`0c ${EVIL}`)), "fields has the wrong wire type"],
  ["a zero tag inside claims", ISSUE, field(6, hex(`00 ${EVIL}`)), "the field number 0"],
  ["a zero tag", ISSUE, hex(`00 ${EVIL}`), "the field number 0"],
  ["a zero tag at the very end", ISSUE, hex(`${EVIL} 00`), "the field number 0"],
  ["a tag of field 0 with a wire type", ISSUE, hex("02 00"), "the field number 0"],
  ["an end tag", ISSUE, hex(`dc06 ${EVIL}`), "the wire type 4"],
  ["an unknown group", ISSUE, hex("db06 dc06"), "the wire type 3"],
  ["a group inside a Value", ISSUE, claim(hex("db06 dc06")), "the wire type 3"],
  ["a known field as a group", ISSUE, hex("33 34"), "claims has the wrong wire type"],
  ["a wire type that does not exist", ISSUE, hex("de06 01"), "the wire type 6"],
  ["a known field in another wire type", ISSUE, number(3, 1), "subject has the wrong wire type"],
  ["a double as a varint", ISSUE, claim(number(2, 1)), "number_value has the wrong wire type"],
  ["a claims object that comes twice", ISSUE, Buffer.concat([field(6, ""), field(6, "")]), "claims comes twice"],
  ["a ttl that comes twice", ISSUE, Buffer.concat([field(5, ""), field(3, "a"), field(5, "")]), "ttl comes twice"],
  ["a time that comes twice", VERIFY, Buffer.concat([field(8, ""), field(8, "")]), "at comes twice"],
  [
    "a member of a oneof that comes twice",
    VERIFY,
    Buffer.concat([field(2, ""), field(2, "")]),
    "credential is set twice, the second time by carrier",
  ],
  [
    "two members of a oneof",
    VERIFY,
    Buffer.concat([field(2, ""), field(1, "a")]),
    "credential is set twice, the second time by token",
  ],
  [
    "two kinds of a Value",
    ISSUE,
    claim(Buffer.concat([TRUE, field(3, "a")])),
    "kind is set twice, the second time by string_value",
  ],
  [
    "one kind of a Value twice",
    ISSUE,
    claim(Buffer.concat([TRUE, TRUE])),
    "kind is set twice, the second time by bool_value",
  ],
  [
    "two values of an entry",
    ISSUE,
    entry(field(1, "a"), field(2, TRUE), field(2, TRUE)),
    "the value of an entry of fields",
  ],
  ["two keys of an entry", ISSUE, entry(field(1, "a"), field(1, "b"), field(2, TRUE)), "the key of an entry of fields"],
  ["an entry without a value", ISSUE, entry(field(1, "a")), "an entry of fields lacks its value"],
  ["a Value without a kind", ISSUE, claim(Buffer.alloc(0)), "google.protobuf.Value lacks its value"],
  ["a nested message beyond its parent's end", ISSUE, hex("32 02 0a 04 12 02 20 01"), "beyond the end"],
  ["a text beyond the end", ISSUE, hex("1a 05 61"), "beyond the end"],
  ["a fixed field beyond the end", ISSUE, hex("d906 01"), "beyond the end"],
  ["a varint without an end", ISSUE, hex("48 80"), "beyond the end"],
  ["a tag of six bytes", ISSUE, hex("9a 80 80 80 80 00 00"), "more than 32 bits"],
  ["a tag over 32 bits", ISSUE, hex("9a 80 80 80 10 00"), "more than 32 bits"],
  ["a length over 32 bits", ISSUE, hex("1a 80 80 80 80 10"), "more than 32 bits"],
  ["a varint over 64 bits", ISSUE, field(5, hex("08 ffffffffffffffffff 02")), "more than 64 bits"],
  ["an unknown varint of eleven bytes", ISSUE, hex("c03e 80808080808080808080 01"), "more than 64 bits"],
  ["nanoseconds over 32 bits", ISSUE, field(5, number(2, 2n ** 32n)), "nanos is out of range"],
  ["a bool over 32 bits", ISSUE, number(9, 2n ** 32n), "validate_only is out of range"],
  ["a bool of 2", ISSUE, number(9, 2), "validate_only is out of range"],
  ["another null", ISSUE, claim(number(1, 1)), "null_value is out of range"],
  ["an enum over 32 bits", IMPORT, number(4, 2n ** 32n + 1n), "encoding is out of range"],
  ["a second of nanoseconds", VERIFY, field(8, number(2, 1_000_000_000)), "nanos is out of range"],
  ["nanoseconds below zero", VERIFY, field(8, number(2, 2n ** 64n - 1n)), "nanos is out of range"],
  ["a text that is not UTF-8", ISSUE, field(3, hex("61 ff")), "subject is not UTF-8"],
  [
    "a long text that is not UTF-8",
    ISSUE,
    field(3, Buffer.concat([Buffer.alloc(99, 0x61), hex("c080")])),
    "subject is not UTF-8",
  ],
  ["a surrogate in a list", ISSUE, field(4, hex("eda080")), "audience is not UTF-8"],
  [
    "a claim's name that is not UTF-8",
    ISSUE,
    entry(field(1, hex("ff")), field(2, TRUE)),
    "the key of an entry of fields is not",
  ],
  ["messages too deep", ISSUE, nested(102), "more than 100 deep"],
] as const)
  test(`refused: ${what}`, (t) => {
    t.throws(() => checkMessage(messageShape(type), bytes), { message: new RegExp(fault) });
  });

for (const [what, type, bytes] of [
  ["an empty message", ISSUE, Buffer.alloc(0)],
  ["a scalar that comes twice", ISSUE, Buffer.concat([field(3, "a"), field(3, "b")])],
  ["a repeated text", ISSUE, Buffer.concat([field(4, "a"), field(4, "b")])],
  ["repeated messages", VERIFY, field(2, Buffer.concat([field(1, field(1, "a")), field(1, field(1, "a"))]))],
  ["a key that comes in two entries", ISSUE, field(6, Buffer.concat([1, 2].map(() => field(1, field(2, TRUE)))))],
  ["an entry without a key", ISSUE, entry(field(2, TRUE))],
  ["an entry with its value first", ISSUE, entry(field(2, TRUE), field(1, "a"))],
  ["an unknown field in an entry", ISSUE, entry(field(1, "a"), field(9, "?"), field(2, TRUE))],
  ["unknown fields of every wire type", ISSUE, hex("c03e 01 c13e 0102030405060708 c23e 02 0000 c53e 01020304")],
  ["an unknown field that comes twice", ISSUE, Buffer.concat([field(99, "a"), field(99, "a")])],
  ["the largest field number", ISSUE, Buffer.concat([tag(2 ** 29 - 1, 0), varint(1)])],
  ["a tag in more bytes than it needs", ISSUE, hex("9a 80 80 80 00 01 61")],
  ["a length in more bytes than it needs", ISSUE, hex("1a 81 80 80 80 00 61")],
  ["a number in more bytes than it needs", ISSUE, hex("48 81 80 80 80 80 80 80 80 80 00")],
  ["an unknown number of an enum", IMPORT, number(4, 99)],
  ["the smallest and the largest int64", ISSUE, field(5, hex("08 80808080808080808001 08 ffffffffffffffff7f"))],
  ["a negative int32 in five and in ten bytes", ISSUE, field(5, hex("10 ffffffff0f 10 ffffffffffffffffff01"))],
  ["text of every length in UTF-8", ISSUE, field(3, `a\0\u{FEFF}é€\u{1F600}${"x".repeat(40)}é`)],
  ["messages a hundred deep", ISSUE, nested(99)],
] as const)
  test(`allowed, and read by the other library: ${what}`, (t) => {
    t.notThrows(() => checkMessage(messageShape(type), bytes));
    t.notThrows(() => fromBinary(type, bytes));
  });
