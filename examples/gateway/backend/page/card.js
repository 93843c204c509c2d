const MOST_LINES = 30;

/** Asks the backend. Rejects with what it says was wrong. */
export async function ask(path, wishes = {}) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(wishes),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** Creates an element with a text. */
export function element(name, text, className = "") {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

/** The beginning of an id: enough to tell it from the others on the page. */
export function short(id) {
  return `${id.slice(0, 8)}…`;
}

/** How long until a time, as people say it. */
function left(time) {
  const seconds = Math.max(0, Math.round((Date.parse(time) - Date.now()) / 1000));
  if (seconds === 0) return "passed";
  if (seconds < 120) return `in ${seconds} s`;
  if (seconds < 7200) return `in ${Math.round(seconds / 60)} min`;
  return `in ${Math.round(seconds / 3600)} h`;
}

/** The card of one vendor: its state, the token that it holds, its buttons, and what happened. */
export class Card {
  /** What the backend answered with the last token. */
  issued;
  #root;
  #facts = new Map();
  #phase = "closed";

  constructor(vendor) {
    this.vendor = vendor;
    this.#root = document.getElementById(vendor);
    const parts = document.getElementById("parts").content.cloneNode(true);
    parts.querySelector(".log").ariaLabel = `${this.#root.querySelector("h2").textContent}: what happened`;
    this.#root.querySelector(".title").append(parts.querySelector(".state"));
    this.#root.querySelector(".actions").before(parts.querySelector(".facts"));
    this.#root.append(parts);
    this.on("rotate", () => this.#rotate());
    this.on("revoke", () => this.#revoke());
    this.#enable();
    setInterval(() => this.#draw(), 1000);
  }

  /** Calls `act` when the button is pressed. What it throws is said on the card. */
  on(action, act) {
    const button = this.#root.querySelector(`[data-action="${action}"]`);
    button.addEventListener("click", async () => {
      if (button.ariaDisabled === "true" || button.ariaBusy === "true") return;
      button.ariaBusy = "true";
      try {
        await act();
      } catch (error) {
        this.say(error.message, "bad");
      }
      button.ariaBusy = "false";
      this.#enable();
    });
  }

  /** Gets a token from the backend. */
  async getToken(wishes) {
    const issued = await ask(`/api/${this.vendor}/token`, wishes);
    this.issued = issued;
    this.#root.querySelector(".claims").textContent = JSON.stringify(issued.claims, null, 2);
    this.fact("Token", issued.tokenId);
    this.fact("Key", issued.keyId);
    this.fact("Redeem by", issued.expiresAt ?? "no exp: 30 days from iat", issued.expiresAt !== undefined);
    const codes = issued.warnings.map(({ code }) => code).join(", ");
    const line = `token ${short(issued.tokenId)} issued${codes && `, with ${codes}`}`;
    // The state of a connection says more, and it may have begun before the token came.
    if (this.#phase === "closed") this.show("Token issued", "on", line);
    else this.say(line, "on");
    return issued;
  }

  /** Sets the state, which screen readers speak, and notes it. */
  show(state, tone, line = state) {
    const status = this.#root.querySelector(".state");
    status.textContent = state;
    status.dataset.tone = tone;
    this.say(line, tone);
  }

  say(line, tone = "") {
    const log = this.#root.querySelector(".log ol");
    const entry = element("li", line, tone);
    entry.prepend(element("time", new Date().toLocaleTimeString("en-GB")));
    log.prepend(entry);
    while (log.children.length > MOST_LINES) log.lastElementChild.remove();
  }

  /** A fact with a name. Of a time, the card shows how long it is until then. */
  fact(name, value, isTime = false) {
    if (value === undefined) this.#facts.delete(name);
    else this.#facts.set(name, { value, isTime });
    this.#draw();
  }

  /** "closed", "open", "quarantine" or "trusted". It decides which buttons make sense. */
  set phase(phase) {
    this.#phase = phase;
    this.#enable();
  }

  #draw() {
    const list = this.#root.querySelector(".facts");
    const pairs = Array.from(this.#facts, ([name, { value, isTime }]) => {
      const pair = document.createElement("div");
      pair.append(element("dt", name), element("dd", isTime ? left(value) : value));
      return pair;
    });
    list.replaceChildren(...pairs);
  }

  /** A button that was disabled would lose the focus of the keyboard. */
  #enable() {
    for (const button of this.#root.querySelectorAll("button")) {
      const needs = button.dataset.needs?.split(" ") ?? [];
      const isMissing = needs.some((need) => (need === "token" ? !this.issued : need !== this.#phase));
      button.ariaDisabled = String(isMissing);
    }
  }

  async #rotate() {
    const { keyId, signFrom } = await ask(`/api/${this.vendor}/rotate`);
    const when = signFrom && Date.parse(signFrom) > Date.now() ? left(signFrom) : "now";
    this.say(`key ${short(keyId)} signs ${when}; the earlier key still verifies`, "on");
  }

  async #revoke() {
    await ask(`/api/${this.vendor}/revoke`, { tokenId: this.issued.tokenId });
    this.say(`token ${short(this.issued.tokenId)} revoked`, "bad");
  }
}
