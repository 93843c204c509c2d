import { element, short } from "./card.js";

const MOST = 40;

/** What an event is about: its own message is the one member that is no text. */
function detailOf(event) {
  return Object.values(event).find((member) => typeof member === "object") ?? {};
}

/** Shows the audit events as they arrive. */
export function startAudit(connection, hasEvents) {
  if (!hasEvents) {
    connection.textContent = "Without NATS: no audit events";
    return;
  }
  const list = document.getElementById("audit");
  const seen = new Set();
  const source = new EventSource("/api/events");
  source.addEventListener("open", () => {
    connection.textContent = "Live";
    connection.dataset.tone = "on";
  });
  source.addEventListener("error", () => {
    connection.textContent = "Connecting again…";
    connection.dataset.tone = "wait";
  });
  source.addEventListener("audit", ({ data }) => {
    const event = JSON.parse(data);
    // Delivery is at least once.
    if (seen.has(event.eventId)) return;
    seen.add(event.eventId);
    const { profile, keyset, reason, tokenId, keyId, subjectHash } = detailOf(event);
    const entry = element("li", "");
    const facts = [
      profile ?? keyset,
      reason?.replace("REJECTION_REASON_", ""),
      tokenId ? `token ${short(tokenId)}` : keyId && `key ${short(keyId)}`,
      subjectHash && `subject ${short(subjectHash)}`,
    ];
    entry.append(
      element("time", new Date(event.time).toLocaleTimeString("en-GB")),
      element("strong", event.type.replace(/^(dev\.)?signet\.(audit\.)?/, "")),
      element("span", facts.filter((fact) => fact).join(" · ")),
    );
    list.prepend(entry);
    while (list.children.length > MOST) list.lastElementChild.remove();
  });
}
