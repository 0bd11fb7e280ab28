import type { DescField } from "@bufbuild/protobuf";
import type { Violation } from "../../domain/kernel/error.ts";
import { rulesOf } from "./field-rules.ts";

/** Returns how many items the schema allows in a list or a map. Infinity: it has no rule, or is neither of them. */
export function maxItemsOf(field: DescField): number {
  const type = rulesOf(field)?.type;
  const most = type?.case === "repeated" ? type.value.maxItems : undefined;
  const pairs = type?.case === "map" ? type.value.maxPairs : undefined;
  return Number(most ?? pairs ?? 0) || Number.POSITIVE_INFINITY;
}

/** Returns the violation of a list or map that has more items than the schema allows. The texts are protovalidate's own. */
export function tooManyItems(field: DescField, path: string): Violation {
  const most = maxItemsOf(field);
  const description =
    field.fieldKind === "map"
      ? `map must be at most ${most} entries`
      : `must contain no more than ${most} item(s)`;
  return { field: path, description };
}
