import { distance } from "fastest-levenshtein";
import { maxViolations, type Violation } from "../kernel/error.ts";
import { permissionSet } from "./permission.ts";
import {
  expected,
  isOwnResource,
  ownResources,
  parsePermission,
  platformResources,
  rankedVerbs,
} from "./permission-grammar.ts";
import { expandPresets, maxListed, type Preset } from "./permission-preset.ts";

/** The resources and verbs that a deployment knows. The server rejects typos by it. */
export interface Vocabulary {
  /** Returns which part of a permission in canonical form is unknown, or undefined. */
  unknown(permission: string): "resource" | "verb" | undefined;
  /** Returns the known permission that is most similar to an unknown one. Scans all known permissions. */
  nearest(permission: string): string;
  /** Every known resource with its verbs, both sorted. */
  resources: readonly KnownResource[];
}

/** A resource that a deployment knows. */
export interface KnownResource {
  name: string;
  verbs: readonly string[];
}

/** Returns a set of permissions in stored form, and what is wrong with each invalid entry. */
export type ParsePermissions = (
  texts: readonly string[],
  field: string,
) => { permissions: string[]; violations: Violation[] };

/**
 * Creates a vocabulary. An entry is a `resource`, which gets the verbs read, write and manage, or a `resource:verb`,
 * which adds one verb. Latchkey's own resources are always known. Returns undefined if an entry is neither.
 */
export function createVocabulary(entries: readonly string[]): Vocabulary | undefined {
  const verbs = new Map<string, Set<string>>();
  for (const resource of ownResources) verbs.set(resource, new Set(rankedVerbs));
  for (const entry of ["tokens:verify", "accounts:act", "webhooks", ...entries]) {
    const permission = entry.includes(":") ? entry : `${entry}:read`;
    if (parsePermission(permission) !== permission || permission.includes("*")) return undefined;
    const [resource = "", verb] = entry.split(":");
    const known = verbs.get(resource) ?? new Set(rankedVerbs);
    if (verb !== undefined) known.add(verb);
    verbs.set(resource, known);
  }
  const platform = [...verbs].filter(([resource]) => !isOwnResource(resource));
  const platformVerbs = new Set(platform.flatMap(([, known]) => [...known]));
  return {
    unknown(permission) {
      const [resource = "", verb = "*"] = permission.split(":");
      if (resource === platformResources || permission === "*") return undefined;
      if (resource === "*") return verb === "*" || platformVerbs.has(verb) ? undefined : "verb";
      const known = verbs.get(resource);
      if (!known) return "resource";
      return verb === "*" || known.has(verb) ? undefined : "verb";
    },
    resources: [...verbs.keys()]
      .sort()
      .map((resource) => ({ name: resource, verbs: [...(verbs.get(resource) ?? [])].sort() })),
    nearest(permission) {
      const [resource = "", verb = "*"] = permission.split(":");
      const known = resource === "*" ? platformVerbs : verbs.get(resource);
      return known ? `${resource}:${nearest(verb, known)}` : `${nearest(resource, verbs.keys())}:${verb}`;
    },
  };
}

const maxHints = 8;

/** Returns a violation for each invalid permission, up to a limit. Only the first of them have a hint. */
export function permissionViolations(
  texts: Iterable<readonly [field: string, text: string]>,
  vocabulary: Vocabulary | undefined,
): Violation[] {
  const violations: Violation[] = [];
  let hints = 0;
  for (const [field, text] of texts) {
    const permission = parsePermission(text);
    const unknown = permission === undefined ? undefined : vocabulary?.unknown(permission);
    if (permission === undefined) violations.push({ field, description: expected });
    else if (unknown) {
      const hint = hints++ < maxHints ? `: did you mean ${vocabulary?.nearest(permission)}?` : "";
      violations.push({ field, description: `unknown ${unknown}${hint}` });
    }
    if (violations.length === maxViolations) break;
  }
  return violations;
}

const tooLong = `expected at most ${maxListed} permissions, those of its presets included`;

/**
 * Creates a parser for sets of permissions that the server stores. It checks them against the vocabulary if there is one, and
 * replaces the names of presets by their permissions. A list that is then too long is invalid, and no set is built from it.
 */
export function createPermissionParser(
  vocabulary: Vocabulary | undefined,
  presets: readonly Preset[] = [],
): ParsePermissions {
  const byName = new Map(presets.map((preset) => [preset.name, preset]));
  return (texts, field) => {
    const expanded = expandPresets(texts, byName);
    if (!expanded) return { permissions: [], violations: [{ field, description: tooLong }] };
    const named = texts.map((text, index) => [`${field}[${index}]`, text] as const);
    const others = named.filter(([, text]) => !byName.has(text));
    return {
      permissions: permissionSet(expanded).permissions.slice(),
      violations: permissionViolations(others, vocabulary),
    };
  };
}

function nearest(word: string, known: Iterable<string>): string {
  let best = { one: "", away: Number.POSITIVE_INFINITY };
  for (const one of known) {
    const away = distance(word, one);
    if (away < best.away) best = { one, away };
  }
  return best.one;
}
