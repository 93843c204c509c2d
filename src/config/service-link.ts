const IPV4 = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
const IPV6 = String.raw`[\da-fA-F]*:[\da-fA-F:.]+`;
const ADDRESS = new RegExp(`^(?:${IPV4}|${IPV6})$`);
/** As `tcp://10.96.0.7:4222`; IPv6 in brackets. */
const PORT_URL = new RegExp(String.raw`^(?:tcp|udp|sctp)://(?:${IPV4}|\[${IPV6}\]):\d{1,5}$`);
const PORT = /^\d{1,5}$/;

/** The end of a variable's name, with what its value looks like. */
const FORMS: readonly (readonly [RegExp, RegExp])[] = [
  [/_SERVICE_HOST$/, ADDRESS],
  [/_SERVICE_PORT(_[A-Z\d_]+)?$/, PORT],
  [/_PORT(_\d{1,5}_(TCP|UDP|SCTP)(_START|_END)?)?$/, PORT_URL],
  [/_PORT_\d{1,5}_(TCP|UDP|SCTP)_ADDR$/, ADDRESS],
  [/_PORT_\d{1,5}_(TCP|UDP|SCTP)_PORT(_START|_END)?$/, PORT],
  [/_PORT_\d{1,5}_(TCP|UDP|SCTP)_PROTO$/, /^(tcp|udp|sctp)$/],
  // A link of Docker: its name, as `/signet/nats`, and whatever variables the linked container has.
  [/_NAME$/, /^\/[\w.-]+\/[\w.-]+$/],
  [/_ENV_\w+$/, /^/],
];

/**
 * Whether Kubernetes or Docker sets this variable in every container beside a service, e.g. `signet-nats`. Both the
 * name and the value must have the form: `SIGNET_NATS_PORT=4222` was written by an operator, who means a key.
 */
export function isServiceLink(name: string, value: string): boolean {
  return FORMS.some(([end, form]) => end.test(name) && form.test(value));
}
