import { startAudit } from "./audit.js";
import { Card } from "./card.js";
import { startEuler } from "./euler.js";
import { startHivekit } from "./hivekit.js";
import { startReactive } from "./reactive.js";
import { startShoplive } from "./shoplive.js";
import { startViasocket } from "./viasocket.js";

const { gateway, hasEvents } = await (await fetch("/api/settings")).json();

startAudit(document.getElementById("connection"), hasEvents);
startEuler(new Card("euler-stream"), gateway);
startHivekit(new Card("hivekit"), gateway);
startReactive(new Card("reactive"), gateway);
startViasocket(new Card("viasocket"), gateway);
await startShoplive(new Card("shoplive"), gateway);
document.body.dataset.ready = "true";
