import { permissionSet } from "../domain/access/permission.ts";
import { builtinPresets, type Preset } from "../domain/access/permission-preset.ts";
import { permissionViolations, type Vocabulary } from "../domain/access/permission-vocabulary.ts";
import type { Reader } from "./reader.ts";

/** The named lists of permissions of this deployment. */
export interface PermissionSetSettings {
  permissionSets: readonly Preset[];
}

const setting = "LATCHKEY_PERMISSION_SETS";
const known = ["name", "description", "permissions"];
const nameForm = /^[a-z][a-z0-9_-]{0,62}$/;
const maxSets = 100;
const maxPermissions = 1_024;
const maxDescription = 1_024;
// A request can name every preset, and `ListPermissions` returns all of them.
const maxPermissionsOfAll = 4_096;

/** Reads `LATCHKEY_PERMISSION_SETS`: JSON, a list of named lists of permissions. The vocabulary must know all of them. */
export function readPermissionSets(
  { read, problems }: Pick<Reader, "read" | "problems">,
  vocabulary: Vocabulary | undefined,
): PermissionSetSettings {
  return {
    permissionSets: read(
      setting,
      [],
      (text) => {
        const entries = parseJson(text);
        if (!Array.isArray(entries) || entries.length > maxSets) return undefined;
        const found: string[] = [];
        const sets = entries.map((entry, index) => readSet(entry, `[${index}]`, vocabulary, found));
        for (const [index, { name }] of sets.entries()) {
          if (name !== "" && sets.findIndex((one) => one.name === name) < index) {
            found.push(`[${index}].name: expected each name once`);
          }
        }
        found.push(...tooMany(sets));
        problems.push(...found.map((problem) => `${setting}${problem}`));
        return found.length > 0 ? [] : sets;
      },
      `a JSON list of at most ${maxSets} objects with name, description and permissions`,
    ),
  };
}

function readSet(
  entry: unknown,
  path: string,
  vocabulary: Vocabulary | undefined,
  problems: string[],
): Preset {
  const fields = isObject(entry) ? entry : {};
  if (!isObject(entry)) problems.push(`${path}: expected an object`);
  for (const field of Object.keys(fields)) {
    if (!known.includes(field)) problems.push(`${path}.${field}: unknown field`);
  }
  const { name, description = "", permissions } = fields;
  if (typeof name !== "string" || !nameForm.test(name)) {
    problems.push(`${path}.name: expected a lower-case letter, then up to 62 letters, digits, '_' or '-'`);
  } else if (builtinPresets.some((preset) => preset.name === name)) {
    problems.push(`${path}.name: ${name} is a short name of Latchkey; expected another name`);
  }
  if (typeof description !== "string" || description.length > maxDescription) {
    problems.push(`${path}.description: expected a text of at most ${maxDescription} characters`);
  }
  return {
    name: String(name ?? ""),
    description: String(description),
    permissions: readPermissions(permissions, `${path}.permissions`, vocabulary, problems),
  };
}

// Names the first preset with which the permissions of all presets exceed their maximum.
function tooMany(sets: readonly Preset[]): string[] {
  let total = 0;
  for (const [index, { name, permissions }] of sets.entries()) {
    total += permissions.length;
    if (total > maxPermissionsOfAll) {
      const limit = `the presets have more than ${maxPermissionsOfAll} permissions together`;
      return [`[${index}].permissions: with those of ${JSON.stringify(name)}, ${limit}; remove some`];
    }
  }
  return [];
}

function readPermissions(
  value: unknown,
  path: string,
  vocabulary: Vocabulary | undefined,
  problems: string[],
): readonly string[] {
  const texts = Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  if (!Array.isArray(value) || texts.length !== value.length || texts.length === 0) {
    problems.push(`${path}: expected a list of permissions`);
  } else if (texts.length > maxPermissions) {
    problems.push(`${path}: expected at most ${maxPermissions} permissions`);
  }
  const named = texts.map((text, index) => [`${path}[${index}]`, text] as const);
  for (const { field, description } of permissionViolations(named, vocabulary)) {
    const text = named.find(([one]) => one === field)?.[1];
    problems.push(`${field}: ${JSON.stringify(text)}: ${description}`);
  }
  return permissionSet(texts).permissions;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
