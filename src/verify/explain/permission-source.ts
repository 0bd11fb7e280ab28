import { effectiveSet, holds, type PermissionSet } from "../../domain/access/permission.ts";
import { implies, partsOf } from "../../domain/access/permission-grammar.ts";
import type { Preset } from "../../domain/access/permission-preset.ts";
import type { Slices } from "../../domain/kernel/slices.ts";
import type { SourceList } from "./source-list.ts";

/** A list that a permission comes from. */
export interface PermissionSource {
  permission: string;
  list: SourceList;
  /** The entry of the list that includes the permission. */
  entry: string;
  /** The names of the presets that contain the entry, and whose permissions the list includes all. */
  presets: readonly string[];
}

/** Why a key lacks a permission: its own list lacks it, its owner does, or both. */
export type MissingBecause = "own_list" | "owner" | "both";

/** What the sources of one bearer are computed from. */
export interface SourceInput {
  /** The permissions to explain, the most important first. */
  permissions: readonly string[];
  /** The required permissions that the bearer lacks. Empty if no owner limits the bearer. */
  missing: readonly string[];
  lists: readonly SourceList[];
  /** What limits claimed roles. Undefined: nothing is claimed. */
  claimLimit: readonly string[] | undefined;
  presets: readonly Preset[];
  /** The most sources to return. */
  most: number;
}

/** The sources of the permissions of one bearer. */
export interface Sources {
  sources: PermissionSource[];
  /** Whether these are all. */
  complete: boolean;
  /** Why each missing permission is missing. A permission that both sides have meanwhile is left out. */
  reasons: ReadonlyMap<string, MissingBecause>;
}

const maxPresets = 8;
const sliceLength = 8;

// A list, prepared for look-ups, with the presets whose permissions it includes all.
interface PreparedList {
  list: SourceList;
  set: PermissionSet;
  presets: readonly Preset[];
}

/** Returns the sources of permissions in their order, and the reasons of the missing ones. Pauses after each slice. */
export function* permissionSources(input: SourceInput): Slices<Sources> {
  const lists: PreparedList[] = [];
  for (const list of input.lists) lists.push(yield* prepare(list, input.presets));
  const reasons = yield* reasonsOf(input.missing, lists);
  const limit = input.claimLimit && (yield* effectiveSet(input.claimLimit, null));
  const sources: PermissionSource[] = [];
  let compared = 0;
  for (const permission of input.permissions) {
    const parts = partsOf(permission);
    for (const { list, set, presets } of lists) {
      compared += 1;
      if (compared % sliceLength === 0) yield;
      const held = parts.find((part) => holds(set, part) && mayGive(list, limit, part));
      if (held === undefined) continue;
      if (sources.length >= input.most) return { sources, complete: false, reasons };
      const entry = list.permissions.find((one) => implies(one, held)) ?? "";
      const named = presets.filter((preset) => preset.permissions.includes(entry)).slice(0, maxPresets);
      sources.push({ permission, list, entry, presets: named.map(({ name }) => name) });
    }
  }
  return { sources, complete: true, reasons };
}

function* prepare(list: SourceList, presets: readonly Preset[]): Slices<PreparedList> {
  const set = yield* effectiveSet(list.permissions, null);
  const included: Preset[] = [];
  for (const preset of presets) {
    if (preset.permissions.every((permission) => holds(set, permission))) included.push(preset);
    yield;
  }
  return { list, set, presets: included };
}

// A claimed role gives only what the role that limits the claims includes too.
function mayGive({ kind }: SourceList, limit: PermissionSet | undefined, part: string): boolean {
  return kind !== "claimed_role" || (limit !== undefined && holds(limit, part));
}

function* reasonsOf(
  missing: readonly string[],
  lists: readonly PreparedList[],
): Slices<Map<string, MissingBecause>> {
  const reasons = new Map<string, MissingBecause>();
  const own = lists.filter(({ list }) => list.kind === "own_list");
  const owner = lists.filter(({ list }) => list.kind !== "own_list");
  for (const permission of missing) {
    yield;
    const ownLacks = !includes(own, permission);
    const ownerLacks = !includes(owner, permission);
    if (ownLacks && ownerLacks) reasons.set(permission, "both");
    else if (ownLacks) reasons.set(permission, "own_list");
    else if (ownerLacks) reasons.set(permission, "owner");
  }
  return reasons;
}

function includes(lists: readonly PreparedList[], permission: string): boolean {
  return partsOf(permission).every((part) => lists.some(({ set }) => holds(set, part)));
}
