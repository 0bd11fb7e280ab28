import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { type Access, access } from "../../gen/latchkey/v1/access_pb.ts";

/** Who may call a method: its rule in the schema. */
export type Rule = Access["rule"];

// Protocols of others, which carry no options of ours: health checks and reflection are open to everybody.
const openPackages = ["grpc.health.v1", "grpc.reflection.v1", "grpc.reflection.v1alpha"];

// Reading an option decodes it anew, which every call would pay for.
const rules = new WeakMap<DescMethod, Rule>();

/** The rule of a method. `case: undefined` is closed to everybody. */
export function ruleOf(method: DescMethod): Rule {
  const known = rules.get(method);
  if (known) return known;
  const rule = readRule(method);
  rules.set(method, rule);
  return rule;
}

function readRule(method: DescMethod): Rule {
  if (openPackages.includes(method.parent.file.proto.package)) return { case: "public", value: true };
  return hasOption(method, access) ? getOption(method, access).rule : { case: undefined };
}

/** Whether a public method recognises a signed-in user where there is a bearer. */
export function optionalUser(method: DescMethod): boolean {
  return hasOption(method, access) && getOption(method, access).optionalUser;
}

/** Whether a principal without the permission may do it to what is its own. The operation decides what that is. */
export function orOwn(method: DescMethod): boolean {
  return hasOption(method, access) && getOption(method, access).orOwn;
}
