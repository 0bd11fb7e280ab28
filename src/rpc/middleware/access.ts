import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { type Access, access } from "../../../gen/latchkey/v1/access_pb.ts";

/** Who may call a method: its rule in the schema. */
export type Rule = Access["rule"];

// Protocols of others, which carry no options of ours: health checks and reflection are open to everybody.
const openPackages = ["grpc.health.v1", "grpc.reflection.v1", "grpc.reflection.v1alpha"];

// Reading an option decodes it anew, which every call would pay for.
const known = new WeakMap<DescMethod, Access | undefined>();
const open: Rule = { case: "public", value: true };
const closed: Rule = { case: undefined };

/** The rule of a method. `case: undefined` is closed to everybody. */
export function ruleOf(method: DescMethod): Rule {
  const rule = accessOf(method)?.rule;
  if (rule) return rule;
  return openPackages.includes(method.parent.file.proto.package) ? open : closed;
}

/** Whether a public method recognises a signed-in user where there is a bearer. */
export function optionalUser(method: DescMethod): boolean {
  return accessOf(method)?.optionalUser ?? false;
}

/** Whether a principal without the permission may do it to what is its own. The operation decides what that is. */
export function orOwn(method: DescMethod): boolean {
  return accessOf(method)?.orOwn ?? false;
}

function accessOf(method: DescMethod): Access | undefined {
  if (!known.has(method)) known.set(method, readAccess(method));
  return known.get(method);
}

function readAccess(method: DescMethod): Access | undefined {
  return hasOption(method, access) ? getOption(method, access) : undefined;
}
