import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { Carrier, VerifyTokenRequest } from "../gen/signet/v1/token.ts";
import type { GatewayProfile } from "../signet/profiles.ts";
import type { SessionConnection } from "../signet/sessions.ts";
import { reasonOf } from "../signet/verdict.ts";
import { log } from "../web/log.ts";
import { admit } from "./admission.ts";
import { carrierOf } from "./carrier.ts";
import type { Gateway } from "./gateway.ts";
import { placesFor } from "./origins.ts";
import { send, shut, shutInDoubt, shutRejected } from "./sockets.ts";

const VENDOR = "hivekit";
const POLICY_VIOLATION = 1008;

/** `wss://api.hivekit.io/v1/ws`: a connection in quarantine, until it presents a valid token. */
export async function connectHivekit(socket: WebSocket, request: IncomingMessage, gateway: Gateway): Promise<void> {
  // A client may send its token at once: nobody would hear a frame that arrives before the profile is known.
  socket.pause();
  try {
    const profile = await gateway.profiles.get(VENDOR);
    const places = placesFor(request, profile.carriers, gateway.origins);
    new HivekitConnection(socket, profile, gateway).start(carrierOf(request, places));
  } catch (error) {
    shutInDoubt(socket, VENDOR, error);
  } finally {
    socket.resume();
  }
}

class HivekitConnection {
  readonly #socket: WebSocket;
  readonly #profile: GatewayProfile;
  readonly #gateway: Gateway;
  #deadline: NodeJS.Timeout | undefined;
  #failures = 0;
  #isAuthenticating = false;
  /** What the client presented, once it was found valid: the connection is then trusted. */
  #trusted: VerifyTokenRequest | undefined;
  #session: SessionConnection | undefined;

  constructor(socket: WebSocket, profile: GatewayProfile, gateway: Gateway) {
    this.#socket = socket;
    this.#profile = profile;
    this.#gateway = gateway;
  }

  start(presented: Carrier): void {
    const { quarantine } = this.#profile;
    if (quarantine?.deadline)
      this.#deadline = setTimeout(
        () => this.#shut("no valid token in time"),
        Number(quarantine.deadline.seconds) * 1_000,
      );
    this.#socket.on("message", (data: Buffer, isBinary) => void this.#receive(data, isBinary));
    this.#socket.once("close", () => {
      clearTimeout(this.#deadline);
      this.#session?.close();
    });
    if (presented.headers.length + presented.query.length + presented.cookies.length > 0)
      void this.#authenticate(presented);
  }

  async #receive(data: Buffer, isBinary: boolean): Promise<void> {
    if (this.#trusted !== undefined) return this.#serve(this.#trusted, data);
    // In quarantine, all but the one frame with a token is dropped unparsed and unanswered.
    if (isBinary || this.#isAuthenticating || !this.#holdsToken(data)) return;
    await this.#authenticate(Carrier.fromPartial({ frame: data }));
  }

  #holdsToken(data: Buffer): boolean {
    return this.#profile.carriers.some(({ in: place, scheme }) => place === "frame" && data.indexOf(scheme) === 0);
  }

  async #authenticate(carrier: Carrier): Promise<void> {
    this.#isAuthenticating = true;
    try {
      const verification = this.#verification(carrier);
      const { verdict, connection } = await admit(this.#gateway, this.#profile, verification, (rejection) => {
        this.#trusted = undefined;
        if (rejection.frame !== "") send(this.#socket, rejection.frame);
        shutRejected(this.#socket, VENDOR, rejection);
      });
      if (verdict.rejection === undefined) this.#trust(verification, connection, verdict.frame);
      else this.#refuse(reasonOf(verdict.rejection), verdict.rejection.frame);
    } catch (error) {
      shutInDoubt(this.#socket, VENDOR, error);
    } finally {
      this.#isAuthenticating = false;
    }
  }

  #verification(carrier: Carrier): VerifyTokenRequest {
    const credential = { $case: "carrier", value: carrier } as const;
    return VerifyTokenRequest.fromPartial({ profile: VENDOR, tenant: this.#gateway.hivekitTenant, credential });
  }

  #trust(verification: VerifyTokenRequest, session: SessionConnection | undefined, frame: string): void {
    clearTimeout(this.#deadline);
    // The client may have gone meanwhile.
    if (this.#socket.readyState === this.#socket.CLOSED) {
      session?.close();
      return;
    }
    this.#trusted = verification;
    this.#session = session;
    log("opened", { vendor: VENDOR });
    if (frame !== "") send(this.#socket, frame);
  }

  #refuse(reason: string, frame: string): void {
    this.#failures += 1;
    log("rejected", { vendor: VENDOR, reason, failures: this.#failures });
    if (frame !== "") send(this.#socket, frame);
    const { quarantine } = this.#profile;
    if (quarantine && this.#failures >= quarantine.maxFailures) this.#shut("too many invalid tokens");
  }

  /** Answers whether the token gives the right that a message asks for. */
  async #serve(trusted: VerifyTokenRequest, data: Buffer): Promise<void> {
    if (this.#session?.isOpen() === false) return;
    this.#session?.touch();
    const asked = rightIn(data);
    if (asked === undefined) return send(this.#socket, { res: "err", err: "a message is a JSON object" });
    try {
      const { rejection } = await this.#gateway.signet.verifyToken({ ...trusted, context: asked });
      send(this.#socket, rejection ? { ...asked, res: "err", err: rejection.message } : { ...asked, res: "suc" });
    } catch (error) {
      shutInDoubt(this.#socket, VENDOR, error);
    }
  }

  #shut(reason: string): void {
    log("closed", { vendor: VENDOR, problem: reason, code: POLICY_VIOLATION });
    shut(this.#socket, POLICY_VIOLATION, reason);
  }
}

/** `{"realm": "london", "id": "deliveryRiders/x", "operation": "R"}` */
function rightIn(data: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(data.toString());
    if (typeof value !== "object" || value === null) return undefined;
    const { realm, id, operation } = value as Record<string, unknown>;
    return { realm, id, operation };
  } catch {
    return undefined;
  }
}
