/** Loads a script of a vendor once. */
export function loadScript(id, src, attributes = {}) {
  document.getElementById(id)?.remove();
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { id, src });
    for (const [name, value] of Object.entries(attributes)) script.setAttribute(name, value);
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(`${src} could not be loaded`)));
    document.body.append(script);
  });
}

/** `cloud.shoplive.init({ accessKey, userJWT })` */
export async function startShoplive(card, gateway) {
  const CAMPAIGN = "vip-show";

  /** Shows the player, and asks the same of the vendor's server, to say on the card what the player shows. */
  const enter = async (what, userJWT) => {
    window.cloud.shoplive.init({ accessKey: "access-key", campaign: CAMPAIGN, userJWT });
    const response = await fetch(`${gateway}/shoplive/enter/${CAMPAIGN}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(userJWT === undefined ? {} : { userJWT }),
    });
    const answer = await response.json();
    if (response.ok) card.show("Watching", "on", `${what}: watching as ${answer.name}`);
    else card.show(`Refused: ${answer.error}`, "bad", `${what}: ${answer.error}, ${answer.message}`);
  };

  card.on("token", () => card.getToken({ userType: "VIP" }));
  card.on("enter", () => enter("the VIP show", card.issued.token));
  card.on("basic", async () => enter("as BASIC", (await card.getToken({ userType: "BASIC" })).token));
  card.on("unsigned", () => enter("unsigned user", JSON.stringify({ userId: "sample_user_id", userType: "VIP" })));
  card.on("missing", () => enter("no token"));
  await loadScript("shoplive-script", `${gateway}/shoplive/shoplive.js`);
}
