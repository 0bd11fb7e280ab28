import { type Slices, sliceLength } from "../kernel/slices.ts";
import { effectiveSet, holds, type PermissionSet } from "./permission.ts";
import { partsOf } from "./permission-grammar.ts";

type List = readonly string[];
// A bit for each part of the permissions of a list. The bit is set if the other list lacks the part.
type Missing = Uint32Array;

/** Compares lists of permissions that count together, such as those of all roles of a person. */
export interface ListComparison {
  /** Returns the first permission of the inner lists that none of the outer lists includes. */
  missing(inner: readonly List[], outer: readonly List[]): Slices<string | undefined>;
}

/**
 * Creates a comparison. Many holders have the same lists in different combinations. So each pair of lists is compared
 * once, and a combination costs a few machine words for each of its lists. This works because only a single permission
 * can imply a part of another one: several lists include a part if one of them includes it.
 */
export function createListComparison(): ListComparison {
  const sets = new Map<List, PermissionSet>();
  const known = new Map<List, Map<List, Missing>>();
  const split = new Map<List, List>();

  function splitList(list: List): List {
    const parts = split.get(list) ?? list.flatMap(partsOf);
    split.set(list, parts);
    return parts;
  }

  function* setOf(list: List): Slices<PermissionSet> {
    const set = sets.get(list) ?? (yield* effectiveSet(list, null));
    sets.set(list, set);
    return set;
  }

  function* compare(inner: List, outer: List): Slices<Missing> {
    const set = yield* setOf(outer);
    const parts = splitList(inner);
    const missing = new Uint32Array(Math.ceil(parts.length / 32));
    for (const [n, permission] of parts.entries()) {
      if (!holds(set, permission)) missing[n >>> 5] = (missing[n >>> 5] ?? 0) | (1 << (n & 31));
      if (n % sliceLength === sliceLength - 1) yield;
    }
    yield;
    return missing;
  }

  function* missingOf(inner: List, outer: List): Slices<Missing> {
    const ofInner = known.get(inner) ?? new Map<List, Missing>();
    known.set(inner, ofInner);
    const missing = ofInner.get(outer) ?? (yield* compare(inner, outer));
    ofInner.set(outer, missing);
    return missing;
  }

  function* firstMissing(list: List, outer: readonly List[]): Slices<string | undefined> {
    if (outer.includes(list)) return undefined;
    const parts = splitList(list);
    const left = new Uint32Array(Math.ceil(parts.length / 32)).fill(-1);
    for (const other of outer) {
      const missing = yield* missingOf(list, other);
      for (const [n, word] of missing.entries()) left[n] = (left[n] ?? 0) & word;
    }
    const word = left.findIndex((bits) => bits !== 0);
    // The lowest set bit. Bits beyond the end of the list are set only if there is no outer list.
    if (word < 0) return undefined;
    const part = parts[32 * word + 31 - Math.clz32((left[word] ?? 0) & -(left[word] ?? 0))];
    return list.find((one) => part !== undefined && partsOf(one).includes(part));
  }

  return {
    *missing(inner, outer) {
      for (const list of inner) {
        const first = yield* firstMissing(list, outer);
        if (first !== undefined) return first;
      }
      return undefined;
    },
  };
}
