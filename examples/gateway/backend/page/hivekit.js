/** `client.connect(…)`, then `client.authenticate(token)`, as the vendor's SDK does. */
export function startHivekit(card, gateway) {
  let socket;

  card.on("token", () => card.getToken());

  card.on("connect", () => {
    socket?.close();
    const opened = new WebSocket(new URL("/hivekit/v1/ws", gateway.replace(/^http/, "ws")));
    socket = opened;
    opened.addEventListener("open", () => {
      card.phase = "quarantine";
      card.show("In quarantine", "wait", "connected: in quarantine for 10 s, other frames are dropped");
    });
    opened.addEventListener("message", ({ data }) => receive(JSON.parse(data)));
    opened.addEventListener("close", ({ code, reason }) => {
      if (socket !== opened) return;
      card.phase = "closed";
      card.show(`Closed ${code}`, "bad", `closed ${code}${reason && `: ${reason}`}`);
    });
  });

  const receive = (message) => {
    const { typ, res, err, operation, id } = Array.isArray(message) ? message[0] : message;
    if (typ === "sys" && res === "suc") {
      card.phase = "trusted";
      card.show("Trusted", "on", "success frame: trusted");
    } else if (typ === "sys") card.say(`error frame: ${err}`, "bad");
    else if (res === "suc") card.say(`${operation} ${id}: permitted`, "on");
    else card.say(`${operation} ${id}: ${err}`, "bad");
  };

  const request = (operation) => {
    socket.send(JSON.stringify({ realm: "london", id: "deliveryRiders/johndoe-123", operation }));
    card.say(`${operation} deliveryRiders/johndoe-123 sent`);
  };

  card.on("authenticate", () => socket.send(`Bearer ${card.issued.token}`));
  card.on("bad", () => socket.send("Bearer not.a.token"));
  card.on("read", () => request("R"));
  card.on("early", () => {
    request("R");
    card.say("dropped: no answer comes", "wait");
  });
  card.on("remove", () => request("D"));
  card.on("http", async () => {
    const response = await fetch(`${gateway}/hivekit/v1/realms/london/objects/deliveryRiders/johndoe-123`);
    card.say(`HTTP ${response.status}, WWW-Authenticate: ${response.headers.get("www-authenticate")}`, "bad");
  });
}
