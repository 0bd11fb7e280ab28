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

/** Replaces the name of each preset in a list by its permissions. Every other entry stays as it is. */
export function expandPresets(texts: readonly string[], presets: readonly Preset[]): string[] {
  return texts.flatMap((text) => presetOf(text, presets)?.permissions ?? [text]);
}

/** Returns the preset of a name, or undefined. */
export function presetOf(name: string, presets: readonly Preset[]): Preset | undefined {
  return presets.find((one) => one.name === name);
}
