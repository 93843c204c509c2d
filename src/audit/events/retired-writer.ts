import type { Caller } from "../../caller.ts";
import { text } from "../proto-json.ts";
import { event, provenBy } from "./event-type.ts";

export const RETIRED_WRITER_EVENTS = {
  "writer.retired": event(
    "writerRetired",
    (retired: {
      readonly retiredWriter: string;
      readonly origin: string;
      readonly verifierKey: string;
      readonly caller: Caller;
      readonly reason: string;
    }) => ({
      retiredWriter: text(retired.retiredWriter),
      origin: text(retired.origin),
      verifierKey: text(retired.verifierKey),
      caller: text(retired.caller.name),
      reason: text(retired.reason),
      ...provenBy(retired.caller),
    }),
  ),
};
