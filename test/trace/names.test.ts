import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import test from "ava";
import { ATTRIBUTE, RESOURCE } from "../../src/otel/names.ts";
import { codeOf, readPage, tableRows } from "../docs/pages.ts";

const STANDARD = new Set<unknown>(
  Object.entries(conventions).flatMap(([name, value]) => (name.startsWith("ATTR_") ? [value] : [])),
);

test("each attribute is one of the semantic conventions, by its current name, or one of Signet", (t) => {
  for (const name of [...Object.values(ATTRIBUTE), ...Object.values(RESOURCE)])
    t.true(name.startsWith("signet.") || STANDARD.has(name), name);
  t.is(ATTRIBUTE.rpcSystem, conventions.ATTR_RPC_SYSTEM_NAME);
  t.is(ATTRIBUTE.rpcMethod, conventions.ATTR_RPC_METHOD);
  t.is(ATTRIBUTE.rpcStatus, conventions.ATTR_RPC_RESPONSE_STATUS_CODE);
  t.is(ATTRIBUTE.errorType, conventions.ATTR_ERROR_TYPE);
  t.is(conventions.RPC_SYSTEM_NAME_VALUE_GRPC, "grpc");
  t.is(conventions.MESSAGING_OPERATION_TYPE_VALUE_SEND, "send");
  t.false(STANDARD.has("rpc.no_such_name"), "a name that is not there is found");
});

test("docs/tracing.md has each attribute of a span, and no other", (t) => {
  const listed = tableRows(readPage("docs/tracing.md"), "## Attributes").map(([attribute]) => codeOf(attribute) ?? "");
  t.deepEqual(listed.toSorted(), Object.values(ATTRIBUTE).toSorted());
});

test("docs/tracing.md has each span", (t) => {
  const listed = tableRows(readPage("docs/tracing.md"), "## Spans").map(([span]) => codeOf(span) ?? "");
  t.deepEqual(listed, ["PACKAGE.SERVICE/METHOD", "sign", "spool", "publish SUBJECT"]);
});
