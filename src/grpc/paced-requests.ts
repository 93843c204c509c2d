import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { isOwn } from "./standard/library-services.ts";

/** Hands over the next request of a stream once the client has taken the answer to the one before. */
class PacedCall extends ServerInterceptingCall {
  #isAnswering = false;
  #next: (() => void) | undefined;

  constructor(call: ServerInterceptingCall) {
    super(call, {
      start: (next) =>
        next({
          onReceiveMessage: (message, forward) => {
            this.#next = () => forward(message);
            this.#handOver();
          },
        }),
    });
  }

  override sendMessage(message: unknown, onTaken: () => void): void {
    super.sendMessage(message, () => {
      onTaken();
      this.#isAnswering = false;
      this.#handOver();
    });
  }

  #handOver(): void {
    const next = this.#next;
    if (this.#isAnswering || next === undefined) return;
    this.#isAnswering = true;
    this.#next = undefined;
    next();
  }
}

/**
 * Makes the handlers of libraries wait for slow readers. Reflection, whose only method has one answer for each request,
 * would let the answers to a client that reads none of them pile up.
 */
export const paceRequests: ServerInterceptor = ({ path, requestStream }, call) =>
  requestStream && !isOwn(path) ? new PacedCall(call as ServerInterceptingCall) : (call as ServerInterceptingCall);
