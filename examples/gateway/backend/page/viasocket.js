import { loadScript } from "./shoplive.js";

/** `<script id="viasocket-embed-main-script" src="…" embedToken="TOKEN">`, and the REST interface. */
export function startViasocket(card, gateway) {
  const flowsOf = async (project, authorization) => {
    const response = await fetch(`${gateway}/viasocket/orgs/8069/projects/${project}/users/unique_user_id/flows`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    return { status: response.status, ...(await response.json()) };
  };

  const show = (what, answer) => {
    const codes = (answer.warnings ?? []).join(", ");
    if (answer.flows) card.show("Loaded", "on", `${what}: ${answer.flows.length} flows${codes && `, with ${codes}`}`);
    else
      card.show(`Refused: ${answer.error}`, "bad", `${what}: ${answer.message}, HTTP ${answer.status} ${answer.error}`);
  };

  document.getElementById("viasocket-embed").addEventListener("viasocket", ({ detail }) => show("embed", detail));

  card.on("token", () => card.getToken());
  card.on("embed", async () => {
    const src = `${gateway}/viasocket/prod-embedcomponent.js`;
    await loadScript("viasocket-embed-main-script", src, { embedToken: card.issued.token });
    await window.openViasocket();
  });
  card.on("rest", async () => show("REST, no scheme", await flowsOf("projmdFTEvPR", card.issued.token)));
  card.on("project", async () => show("another project", await flowsOf("projAnother", card.issued.token)));
  card.on("missing", async () => show("no token", await flowsOf("projmdFTEvPR")));
}
