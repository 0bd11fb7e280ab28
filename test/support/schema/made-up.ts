import {
  create,
  createFileRegistry,
  type DescFile,
  type DescService,
  setExtension,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import { type Access, AccessSchema, access } from "../../../gen/latchkey/v1/access_pb.ts";
import { file_latchkey_v1_profile_service } from "../../../gen/latchkey/v1/profile_service_pb.ts";

/** Creates a service of Latchkey's package with one method. The method has this access rule, or none. */
export function madeUp(rule?: Access["rule"], serverStreaming = false): DescService {
  const options = create(MethodOptionsSchema);
  if (rule) setExtension(options, access, create(AccessSchema, { rule }));
  const file = create(FileDescriptorProtoSchema, {
    name: "latchkey/v1/made_up.proto",
    package: "latchkey.v1",
    syntax: "proto3",
    dependency: [file_latchkey_v1_profile_service.proto.name],
    service: [
      {
        name: "MadeUpService",
        method: [
          {
            name: "Do",
            inputType: ".latchkey.v1.WhoAmIRequest",
            outputType: ".latchkey.v1.WhoAmIResponse",
            serverStreaming,
            options,
          },
        ],
      },
    ],
  });
  const known = new Map<string, DescFile>();
  const add = (one: DescFile) => {
    known.set(one.proto.name, one);
    one.dependencies.forEach(add);
  };
  add(file_latchkey_v1_profile_service);
  const service = createFileRegistry(file, (name) => known.get(name)).getService("latchkey.v1.MadeUpService");
  if (!service) throw new Error("the registry does not contain the made-up service");
  return service;
}
