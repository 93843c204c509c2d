import { fromBinary } from "@bufbuild/protobuf";
import { type DescriptorProto, type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ServiceDefinition } from "@grpc/grpc-js";

interface Files {
  readonly fileDescriptorProtos?: readonly Uint8Array[];
}

/**
 * The descriptors of a library's service as protoc would write them. The library gives the entry type of a map a name
 * that protoc would never give, and Go clients reject it; and it leaves type names relative.
 */
export function filesOf(service: ServiceDefinition): FileDescriptorProto[] {
  const { fileDescriptorProtos = [] } = (Object.values(service)[0] as { requestType?: Files }).requestType ?? {};
  const files = fileDescriptorProtos.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  for (const { nestedType, field } of files.flatMap(({ messageType }) => messageType))
    for (const entry of nestedType.filter(({ options }) => options?.mapEntry)) {
      for (const map of field) if (map.typeName === entry.name) map.typeName = `${entry.name}Entry`;
      entry.name = `${entry.name}Entry`;
    }
  qualifyNames(files);
  return files;
}

function qualifyNames(files: readonly FileDescriptorProto[]): void {
  const types = files.flatMap(({ package: scope, messageType }) => typesIn(scope, messageType));
  const names = new Set([...types.map(({ name }) => name), ...files.flatMap(enumsOf), ...types.flatMap(enumsOf)]);
  for (const { name, field } of types)
    for (const one of field) if (one.typeName !== "") one.typeName = qualified(one.typeName, name, names);
  for (const { package: scope, service } of files)
    for (const one of service.flatMap(({ method }) => method)) {
      one.inputType = qualified(one.inputType, scope, names);
      one.outputType = qualified(one.outputType, scope, names);
    }
}

interface NamedType extends Pick<DescriptorProto, "field" | "enumType"> {
  readonly name: string;
}

function typesIn(scope: string, messages: readonly DescriptorProto[]): NamedType[] {
  return messages.flatMap(({ name, field, enumType, nestedType }) => {
    const full = `${scope}.${name}`;
    return [{ name: full, field, enumType }, ...typesIn(full, nestedType)];
  });
}

function enumsOf({ enumType, ...parent }: (FileDescriptorProto | NamedType) & { readonly package?: string }): string[] {
  return enumType.map(({ name }) => `${parent.package ?? parent.name}.${name}`);
}

/** The full name of a type, found from the innermost scope outwards. */
function qualified(name: string, scope: string, names: ReadonlySet<string>): string {
  if (name.startsWith(".")) return name;
  for (let outer = scope; outer !== ""; outer = outer.slice(0, Math.max(0, outer.lastIndexOf("."))))
    if (names.has(`${outer}.${name}`)) return `.${outer}.${name}`;
  return `.${name}`;
}
