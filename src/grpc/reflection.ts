import { readFileSync } from "node:fs";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Server } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { service as healthService } from "grpc-health-check";

type Descriptors = ConstructorParameters<typeof ReflectionService>[0];

interface Files {
  readonly fileDescriptorProtos?: readonly Uint8Array[];
}

/** Descriptors of the contract, written by `make generate`. */
const DESCRIPTOR_SET = new URL("../../proto/signet.binpb", import.meta.url);

/** Adds server reflection v1 and v1alpha, so that grpcurl needs no .proto files. */
export function addReflection(server: Server): void {
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTOR_SET));
  const fileDescriptorProtos = [...file, ...healthFiles()].map((proto) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, proto)),
  );
  new ReflectionService({ all: { fileDescriptorProtos } } as unknown as Descriptors).addToServer(server);
}

/**
 * The descriptors of the health service, corrected: the library gives the entry type of a map a name that protoc would
 * never give, and Go clients reject it.
 */
function healthFiles(): FileDescriptorProto[] {
  const { fileDescriptorProtos = [] } = (Object.values(healthService)[0]?.requestType ?? {}) as Files;
  const files = fileDescriptorProtos.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  for (const { nestedType, field } of files.flatMap(({ messageType }) => messageType))
    for (const entry of nestedType.filter(({ options }) => options?.mapEntry)) {
      for (const map of field) if (map.typeName === entry.name) map.typeName = `${entry.name}Entry`;
      entry.name = `${entry.name}Entry`;
    }
  return files;
}
