import { readFileSync } from "node:fs";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Server } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { service as healthService } from "grpc-health-check";

type Descriptors = ConstructorParameters<typeof ReflectionService>[0];

/** The contract as descriptors: the image that `make generate` writes. */
const DESCRIPTOR_SET = new URL("../../proto/signet.binpb", import.meta.url);

/** Server reflection v1 and v1alpha, so that grpcurl needs no .proto files. */
export function addReflection(server: Server): void {
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTOR_SET));
  const fileDescriptorProtos = file.map((proto) => Buffer.from(toBinary(FileDescriptorProtoSchema, proto)));
  const health = Object.values(healthService)[0]?.requestType;
  new ReflectionService({ signet: { fileDescriptorProtos }, health } as unknown as Descriptors).addToServer(server);
}
