import { readFileSync } from "node:fs";
import { type DescMethod, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { packageFile } from "../package-files.ts";

/** Descriptors of the contract, written by `make generate`. */
const DESCRIPTOR_SET = packageFile("proto/signet.binpb");

export function loadContract(): FileDescriptorSet {
  return fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTOR_SET));
}

/** A method by its path, e.g. `/signet.v1.TokenService/IssueToken`. */
export function methodOf(registry: FileRegistry, path: string): DescMethod {
  const [, service = "", name] = path.split("/");
  const method = registry.getService(service)?.methods.find((method) => method.name === name);
  if (method === undefined) throw new Error(`${path} has no descriptor`);
  return method;
}
