import { type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { type Access, access } from "../../../gen/latchkey/v1/access_pb.ts";

/** The access rule of a method, from the schema. */
export type Rule = Access["rule"];

// Standard protocols, whose schemas have no access rules. Health checks and reflection are public.
const openPackages = ["grpc.health.v1", "grpc.reflection.v1", "grpc.reflection.v1alpha"];

// Reading an option decodes it. The cache avoids that for every call.
const known = new WeakMap<DescMethod, Access | undefined>();
const open: Rule = { case: "public", value: true };
const closed: Rule = { case: undefined };

/** Returns the rule of a method. If its `case` is undefined, no caller may call the method. */
export function ruleOf(method: DescMethod): Rule {
  const rule = accessOf(method)?.rule;
  if (rule) return rule;
  return openPackages.includes(method.parent.file.proto.package) ? open : closed;
}

/** Returns whether a public method authenticates a signed-in user if the call has a bearer. */
export function optionalUser(method: DescMethod): boolean {
  return accessOf(method)?.optionalUser ?? false;
}

/**
 * Returns whether a principal without the permission may call the method for its own resources. The operation decides
 * which resources are its own.
 */
export function orOwn(method: DescMethod): boolean {
  return accessOf(method)?.orOwn ?? false;
}

/** Returns whether the callers of a method are gateways, which send their token in the header `latchkey-verifier`. */
export function isForVerifiers(method: DescMethod): boolean {
  return accessOf(method)?.verifier ?? false;
}

function accessOf(method: DescMethod): Access | undefined {
  if (!known.has(method)) known.set(method, readAccess(method));
  return known.get(method);
}

function readAccess(method: DescMethod): Access | undefined {
  return hasOption(method, access) ? getOption(method, access) : undefined;
}
