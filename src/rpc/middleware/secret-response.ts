import { type DescMessage, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { redact } from "../../../gen/latchkey/v1/redact_pb.ts";

/** Creates a search for methods whose responses may contain a token. It examines each method once. */
export function createSecretSearch(): (method: DescMethod) => boolean {
  const known = new WeakMap<DescMethod, boolean>();
  return (method) => {
    const found = known.get(method) ?? mayContainSecret(method.output);
    known.set(method, found);
    return found;
  };
}

function mayContainSecret(message: DescMessage, seen = new Set<DescMessage>()): boolean {
  if (seen.has(message)) return false;
  seen.add(message);
  return message.fields.some(
    (field) =>
      (hasOption(field, redact) && getOption(field, redact)) ||
      (field.message !== undefined && mayContainSecret(field.message, seen)),
  );
}
