import { spawn } from "node:child_process";
import { once } from "node:events";
import { HANGS_MS } from "../bounded.ts";
import { startMachines, testOnNetwork } from "./machines.ts";

const LISTENER = `
const server = require("node:net").createServer((socket) => socket.end("hello"));
server.listen(7000, "0.0.0.0", () => console.log("listening"));
`;
const CALLER = `
const [address, silenceMs] = process.argv.slice(1);
const socket = require("node:net").connect(7000, address);
socket.setTimeout(Number(silenceMs), () => socket.destroy(new Error("silence")));
socket.on("data", (data) => console.log(String(data))).on("error", () => process.exit(1));
`;

testOnNetwork("machines reach each other, until one is cut off, and again when it is back", async (t) => {
  const { one, two } = startMachines(t, ["one", "two"]);
  const run = (under: readonly string[], program: string, ...args: string[]) => {
    const [command = "", ...words] = [...under, process.execPath, "-e", program, ...args];
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "inherit"] });
    t.teardown(() => void child.kill("SIGKILL"));
    return child;
  };
  const listener = run(one.under, LISTENER);
  await once(listener.stdout, "data");
  const reach = async (silenceMs: number) => {
    const [code] = await once(run(two.under, CALLER, one.address, String(silenceMs)), "exit");
    return code === 0;
  };
  t.true(await reach(HANGS_MS));
  one.cut();
  t.false(await reach(1_000));
  one.join();
  t.true(await reach(HANGS_MS));
});
