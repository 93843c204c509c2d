import { createFileRegistry, type DescMessage, type FileRegistry } from "@bufbuild/protobuf";
import { type ChannelCredentials, makeClientConstructor, type ServiceDefinition } from "@grpc/grpc-js";
import { loadContract, methodOf } from "../protobuf/contract.ts";
import { messageShape } from "../protobuf/message-shape.ts";
import { checkMessage } from "../protobuf/strict-message.ts";

type NewClient<C> = new (address: string, security: ChannelCredentials, options: object) => C;

/** A generated client. */
export type ClientType<C> = NewClient<C> & { readonly service: ServiceDefinition; readonly serviceName: string };

let registry: FileRegistry | undefined;

/** The client, with decoders that refuse an answer which another library may read differently (`checkMessage`). */
export function strictClient<C>({ service, serviceName }: ClientType<C>): NewClient<C> {
  const methods = Object.entries(service).map(([name, method]) => {
    const responseDeserialize = (bytes: Buffer): unknown =>
      decodeAs(methodOf(contract(), method.path).output, method.responseDeserialize, bytes);
    return [name, { ...method, responseDeserialize }] as const;
  });
  return makeClientConstructor(Object.fromEntries(methods), serviceName) as unknown as NewClient<C>;
}

/** Decodes a message of the contract with the same check. Throws an Error for bytes that it refuses. */
export function decodeStrictly<Message>(
  name: string,
  decode: (bytes: Uint8Array) => Message,
  bytes: Uint8Array,
): Message {
  const type = contract().getMessage(name);
  if (type === undefined) throw new Error(`${name} has no descriptor`);
  return decodeAs(type, decode, bytes);
}

function decodeAs<Bytes extends Uint8Array, Message>(
  type: DescMessage,
  decode: (bytes: Bytes) => Message,
  bytes: Bytes,
): Message {
  checkMessage(messageShape(type), bytes);
  return decode(bytes);
}

function contract(): FileRegistry {
  registry ??= createFileRegistry(loadContract());
  return registry;
}
