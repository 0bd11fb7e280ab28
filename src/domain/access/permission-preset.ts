import { permissionSet } from "./permission.ts";
import { shortNames } from "./permission-grammar.ts";

/** A named list of permissions. The server stores its permissions, never its name. */
export interface Preset {
  name: string;
  description: string;
  /** In stored form. */
  permissions: readonly string[];
}

const descriptions: Record<string, string> = {
  read: "Reads everything.",
  write: "Writes everything of the platform, and reads everything.",
  admin: "May do everything.",
  webhook: "Manages webhooks.",
};

/** The short names that every deployment has. */
export const builtinPresets: readonly Preset[] = Object.entries(shortNames).map(([name, permission]) => ({
  name,
  description: descriptions[name] ?? "",
  permissions: permissionSet([permission]).permissions,
}));

/**
 * The most permissions that a list may have after each preset in it was replaced by its permissions. The schema allows as
 * many entries, so a list without presets is never longer.
 */
export const maxListed = 1_024;

/**
 * Replaces the name of each preset in a list by its permissions, and removes repeated entries. Every other entry stays as
 * it is. Returns undefined if the result is longer than `maxListed`. It expands each preset at most once.
 */
export function expandPresets(
  texts: readonly string[],
  presets: ReadonlyMap<string, Preset>,
): string[] | undefined {
  const expanded = new Set<string>();
  for (const text of new Set(texts)) {
    for (const permission of presets.get(text)?.permissions ?? [text]) expanded.add(permission);
    if (expanded.size > maxListed) return undefined;
  }
  return [...expanded];
}
