/** Numbers those turns of the event loop in which it is asked. */
export class LoopTurns {
  #number = 0;
  #isAsked = false;

  get current(): number {
    if (!this.#isAsked) setImmediate(() => this.#end());
    this.#isAsked = true;
    return this.#number;
  }

  #end(): void {
    this.#isAsked = false;
    this.#number += 1;
  }
}
