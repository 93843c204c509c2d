import type { Access, Question } from "../access/question.ts";
import type { Caller } from "../caller.ts";

/** Whose watch it is, and what it asks for. */
interface Watcher {
  readonly access: Access;
  readonly caller: Caller;
  readonly question: Question;
}

/**
 * What a watch yields for as long as its caller may watch. When a change of the policy no longer allows it, the watch
 * ends with the {@link Problem}.
 */
export async function* whileAdmitted<Message>(
  { access, caller, question }: Watcher,
  signal: AbortSignal,
  watch: (signal: AbortSignal) => AsyncIterable<Message>,
): AsyncGenerator<Message> {
  access.admit(caller, question);
  const denied = new AbortController();
  const stopListening = access.onChange(() => {
    if (access.allows(caller, question)) return;
    try {
      access.admit(caller, question);
    } catch (problem) {
      denied.abort(problem);
    }
  });
  try {
    yield* watch(AbortSignal.any([signal, denied.signal]));
    denied.signal.throwIfAborted();
  } finally {
    stopListening();
  }
}
