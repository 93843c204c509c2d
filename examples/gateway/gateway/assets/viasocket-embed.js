// The vendor's script: its own tag holds the `embedToken`, and `openViasocket` loads the flows of the token's user.
(() => {
  const script = document.getElementById("viasocket-embed-main-script");
  const home = new URL(script.src).origin;

  /** The claims are read to know what to ask for. Whether they are true is for the server to say. */
  const claimsOf = (token) => {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (char) => char.charCodeAt(0))));
  };

  const load = async () => {
    const embedToken = script.getAttribute("embedToken");
    const { org_id, project_id, user_id } = claimsOf(embedToken);
    const path = ["orgs", org_id, "projects", project_id, "users", user_id, "flows"].map(encodeURIComponent).join("/");
    const response = await fetch(`${home}/viasocket/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ embedToken }),
    });
    return { status: response.status, ...(await response.json()) };
  };

  const item = (text) => Object.assign(document.createElement("li"), { textContent: text });

  window.openViasocket = async () => {
    const embed = document.getElementById("viasocket-embed");
    const answer = await load().catch(() => ({ status: 0, message: "Could not load" }));
    const list = document.createElement("ul");
    list.replaceChildren(...(answer.flows ?? [answer.message]).map(item));
    embed.replaceChildren(list);
    embed.dispatchEvent(new CustomEvent("viasocket", { detail: answer }));
  };
})();
