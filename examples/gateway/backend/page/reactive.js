const STREAM = "6935357a-8d71-45f2-9a0f-ddaed705b43a";
const MANY = 200;

/** `POST …/api/v1/view-counts/STREAM` with `Authorization: Bearer TOKEN` */
export function startReactive(card, gateway) {
  const count = async (authorization, stream = STREAM) => {
    const response = await fetch(`${gateway}/reactive/api/v1/view-counts/${stream}`, {
      method: "POST",
      headers: authorization === undefined ? {} : { authorization },
    });
    const challenge = response.headers.get("www-authenticate");
    return { status: response.status, challenge, ...(await response.json()) };
  };

  const bearer = () => `Bearer ${card.issued.token}`;
  const refusal = ({ status, error, challenge }) => `HTTP ${status} ${error}, WWW-Authenticate: ${challenge}`;

  const show = (what, answer) => {
    if (answer.status === 200) {
      card.fact("Views", String(answer.views));
      card.show("Counted", "on", `${what}: view ${answer.views}`);
    } else {
      card.show(`Refused: ${answer.error}`, "bad", `${what}: ${refusal(answer)}`);
    }
  };

  card.on("token", () => card.getToken({ stream_id: STREAM }));
  card.on("view", async () => show("a view", await count(bearer())));
  card.on("many", async () => {
    const answers = await Promise.all(Array.from({ length: MANY }, () => count(bearer())));
    const last = answers.at(-1);
    show(`${MANY} views`, last);
    if (last.batches === undefined) return;
    card.fact(
      "Batches",
      `${last.batches.verifications} in ${last.batches.calls} calls, the largest ${last.batches.largest}`,
    );
  });
  card.on("stream", async () => show("another stream", await count(bearer(), "another-stream")));
  card.on("scheme", async () => show("wrong scheme", await count(`Token ${card.issued.token}`)));
  card.on("missing", async () => show("no token", await count()));
}
