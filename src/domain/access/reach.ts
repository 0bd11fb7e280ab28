import type { Environment } from "../../db/schema.ts";
import { atOnce, type Slices } from "../kernel/slices.ts";
import { createListComparison } from "./permission-lists.ts";

/**
 * What a principal reaches: its permissions, in its workspaces and without a workspace, in its environment, until its
 * end, within the limits of a key. This is a product: each permission counts in every workspace that the principal may enter.
 */
export interface Reach extends Frame {
  permissions: readonly string[];
}

/** The same with lists of permissions that count together, such as those of all roles of a person. */
export interface JointReach extends Frame {
  lists: readonly (readonly string[])[];
}

/** The parts of a reach other than its permissions. */
interface Frame {
  /** `all` includes workspaces that do not exist yet. */
  workspaces: "all" | readonly string[];
  environment: Environment | "every";
  /** Null if it never ends. */
  end: Date | null;
  /** The key whose rate limits and credits hold it back. Null if there is none. */
  limitedBy: string | null;
}

/** Compares two reaches. The methods return what the first has and the second lacks, or undefined for nothing. */
export interface ReachComparison {
  /** Returns whether the second reaches everything that the first reaches. */
  isWithin(inner: Reach | JointReach, outer: Reach | JointReach): Slices<boolean>;
  /** Returns the first workspace that `outer` lacks, or `*` for all of them. */
  foreignWorkspace(inner: Frame, outer: Frame): string | undefined;
  /** Returns the first permission that `outer` lacks. */
  missingPermission(inner: Reach | JointReach, outer: Reach | JointReach): Slices<string | undefined>;
}

/** Creates a comparison. It reads each list of permissions or workspaces only once. */
export function createReachComparison(): ReachComparison {
  const lists = createListComparison();
  const workspaceSets = new Map<readonly string[], ReadonlySet<string>>();

  function setOf(workspaces: readonly string[]): ReadonlySet<string> {
    const set = workspaceSets.get(workspaces) ?? new Set(workspaces);
    workspaceSets.set(workspaces, set);
    return set;
  }

  function foreignWorkspace(inner: Frame, outer: Frame): string | undefined {
    const [wanted, held] = [inner.workspaces, outer.workspaces];
    if (held === "all" || wanted === held) return undefined;
    if (wanted === "all") return "*";
    if (wanted.length === 0) return undefined;
    const set = setOf(held);
    return wanted.find((id) => !set.has(id));
  }

  return {
    *isWithin(inner, outer) {
      return (
        isEnvironmentWithin(inner, outer) &&
        isEndWithin(inner, outer) &&
        isLimitedWithin(inner, outer) &&
        foreignWorkspace(inner, outer) === undefined &&
        (yield* lists.missing(listsOf(inner), listsOf(outer))) === undefined
      );
    },
    foreignWorkspace,
    missingPermission: (inner, outer) => lists.missing(listsOf(inner), listsOf(outer)),
  };
}

/** Returns whether the second reaches everything that the first reaches. */
export function isWithin(inner: Reach, outer: Reach): boolean {
  return atOnce(createReachComparison().isWithin(inner, outer));
}

/** Returns whether a reach is valid only in environments of another reach. */
export function isEnvironmentWithin(inner: Frame, outer: Frame): boolean {
  return outer.environment === "every" || inner.environment === outer.environment;
}

/** Returns whether a reach ends no later than another one. */
export function isEndWithin(inner: Frame, outer: Frame): boolean {
  return outer.end === null || (inner.end !== null && inner.end <= outer.end);
}

/** Returns whether the limits that hold back the second hold back the first too. */
export function isLimitedWithin(inner: Frame, outer: Frame): boolean {
  return outer.limitedBy === null || inner.limitedBy === outer.limitedBy;
}

function listsOf(reach: Reach | JointReach): readonly (readonly string[])[] {
  return "lists" in reach ? reach.lists : [reach.permissions];
}
