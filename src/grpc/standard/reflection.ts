import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, type FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { service as healthService } from "grpc-health-check";
import { filesOf } from "./library-files.ts";

type Descriptors = ConstructorParameters<typeof ReflectionService>[0];

/** Server reflection v1 and v1alpha, so that grpcurl needs no .proto files. */
export function reflection({ file }: FileDescriptorSet): ReflectionService {
  const fileDescriptorProtos = [...file, ...filesOf(healthService as ServiceDefinition)].map((proto) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, proto)),
  );
  return new ReflectionService({ all: { fileDescriptorProtos } } as unknown as Descriptors);
}
