const CREATOR = "tv_asahi_news";

/** `wss://ws.eulerstream.com?uniqueId=…&jwtKey=…` */
export function startEuler(card, gateway) {
  let socket;

  const connect = (options) => {
    const address = new URL("/euler", gateway.replace(/^http/, "ws"));
    for (const [name, value] of Object.entries(options)) address.searchParams.set(name, value);
    return new WebSocket(address);
  };

  const jwtKey = () => card.issued.token;

  card.on("token", () => card.getToken({ uniqueId: CREATOR }));
  card.on("close", () => socket.close());

  card.on("connect", () => {
    socket?.close();
    const opened = connect({ uniqueId: CREATOR, jwtKey: jwtKey() });
    socket = opened;
    opened.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type !== "session") return card.fact("Events", String(message.number));
      card.phase = "open";
      card.fact("Sessions", message.maxSessions ? `${message.openSessions} of ${message.maxSessions}` : "not limited");
      card.fact("Closes", message.deadline, true);
      card.show("Connected", "on", "connected: events arrive");
    });
    opened.addEventListener("close", ({ code, reason }) => {
      if (socket !== opened) return;
      card.phase = "closed";
      for (const name of ["Sessions", "Closes", "Events"]) card.fact(name, undefined);
      const isOwn = code === 1005;
      card.show(
        isOwn ? "Closed" : `Closed ${code}`,
        isOwn ? "" : "bad",
        isOwn ? "closed" : `closed ${code}: ${reason}`,
      );
    });
  });

  /** A connection that the gateway refuses. The one that is open is not touched. */
  const refused = (what, options) => () =>
    new Promise((resolve) => {
      const attempt = connect(options());
      attempt.addEventListener("message", () => attempt.close());
      attempt.addEventListener("close", ({ code, reason }) => {
        card.say(`${what}: closed ${code}${reason && `, ${reason}`}`, "bad");
        resolve();
      });
    });

  card.on(
    "second",
    refused("second socket", () => ({ uniqueId: CREATOR, jwtKey: jwtKey() })),
  );
  card.on(
    "creator",
    refused("another creator", () => ({ uniqueId: "someone_else", jwtKey: jwtKey() })),
  );
  card.on(
    "options",
    refused("no creator", () => ({ uniqueId: "", jwtKey: jwtKey() })),
  );
  card.on(
    "missing",
    refused("no token", () => ({ uniqueId: CREATOR })),
  );
}
