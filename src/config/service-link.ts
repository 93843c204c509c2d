import { isIP } from "node:net";

/** A URL of a port, as `tcp://10.96.0.7:4222`; IPv6 in brackets. */
const PORT_URL = /^(?:tcp|udp|sctp):\/\/(?:\[[\da-f:.]+\]|[\d.]+):\d{1,5}$/i;
const isPort = (text: string) => /^\d{1,5}$/.test(text);

/** The end of a variable's name, with what its value looks like. */
const FORMS: readonly (readonly [RegExp, (value: string) => boolean])[] = [
  [/_SERVICE_HOST$/, (value) => isIP(value) !== 0],
  [/_SERVICE_PORT(_[A-Z\d_]+)?$/, isPort],
  [/_PORT(_\d{1,5}_(TCP|UDP|SCTP)(_START|_END)?)?$/, (value) => PORT_URL.test(value)],
  [/_PORT_\d{1,5}_(TCP|UDP|SCTP)_ADDR$/, (value) => isIP(value) !== 0],
  [/_PORT_\d{1,5}_(TCP|UDP|SCTP)_PORT(_START|_END)?$/, isPort],
  [/_PORT_\d{1,5}_(TCP|UDP|SCTP)_PROTO$/, (value) => /^(tcp|udp|sctp)$/.test(value)],
  // A link of Docker, as `/signet/nats`.
  [/_NAME$/, (value) => /^\/[\w.-]+\/[\w.-]+$/.test(value)],
];

/**
 * Whether Kubernetes or Docker sets this variable in every container beside a service, e.g. `signet-nats`. Both the
 * name and the value must have the form: `SIGNET_NATS_PORT=4222` was written by an operator, who means a key.
 */
export function isServiceLink(name: string, value: string): boolean {
  return FORMS.some(([end, fits]) => end.test(name) && fits(value));
}
