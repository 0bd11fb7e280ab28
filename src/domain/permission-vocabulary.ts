import { distance } from "fastest-levenshtein";
import type { Violation } from "./error.ts";
import { normalisePermissions, ownResources, parsePermission } from "./permission.ts";

/** The resources and verbs that a deployment knows, so that typos are refused. */
export interface Vocabulary {
  /** What is wrong with a permission in canonical form; undefined: nothing. */
  complaint(permission: string): string | undefined;
}

/** A set of permissions in stored form, or what is wrong with each entry. */
export type ParsePermissions = (
  texts: readonly string[],
  field: string,
) => { permissions: string[]; violations: Violation[] };

const rankedVerbs = ["read", "write", "manage"];

/**
 * Creates a vocabulary from entries that are a `resource`, which then has the verbs read, write and manage, or a
 * `resource:verb`, which adds one. Latchkey's own are known anyway. Undefined for an entry that is neither.
 */
export function createVocabulary(entries: readonly string[]): Vocabulary | undefined {
  const verbs = new Map<string, Set<string>>();
  for (const resource of ownResources) verbs.set(resource, new Set(rankedVerbs));
  for (const entry of ["tokens:verify", "webhooks", ...entries]) {
    const permission = entry.includes(":") ? entry : `${entry}:read`;
    if (parsePermission(permission) !== permission || permission.includes("*")) return undefined;
    const [resource = "", verb] = entry.split(":");
    const known = verbs.get(resource) ?? new Set(rankedVerbs);
    if (verb !== undefined) known.add(verb);
    verbs.set(resource, known);
  }
  return {
    complaint(permission) {
      const [resource = "", verb = "*"] = permission.split(":");
      if (resource === "*") return undefined;
      const known = verbs.get(resource);
      if (!known) return `unknown resource: did you mean ${nearest(resource, verbs.keys())}:${verb}?`;
      if (verb === "*" || known.has(verb)) return undefined;
      return `unknown verb: did you mean ${resource}:${nearest(verb, known)}?`;
    },
  };
}

/** Parses sets of permissions, by a vocabulary where there is one. */
export function createPermissionParser(vocabulary: Vocabulary | undefined): ParsePermissions {
  return (texts, field) => {
    const { permissions, violations } = normalisePermissions(texts, field);
    for (const [index, text] of texts.entries()) {
      const permission = parsePermission(text);
      const complaint = permission === undefined ? undefined : vocabulary?.complaint(permission);
      if (complaint !== undefined) violations.push({ field: `${field}[${index}]`, description: complaint });
    }
    return { permissions, violations };
  };
}

function nearest(word: string, known: Iterable<string>): string {
  let best = "";
  for (const one of known) if (best === "" || distance(word, one) < distance(word, best)) best = one;
  return best;
}
