import type { Environment } from "../../db/schema.ts";
import { atOnce, type Slices } from "../kernel/slices.ts";
import { createListComparison } from "./permission-lists.ts";

/**
 * What a principal reaches: each of its permissions without a workspace and in each of its workspaces, in its
 * environment, until its end. A product: a permission that is held at all is held in every workspace that is entered.
 */
export interface Reach extends Frame {
  permissions: readonly string[];
}

/** The same by lists of permissions that count together, such as those of all roles of a person. */
export interface JointReach extends Frame {
  lists: readonly (readonly string[])[];
}

/** What a reach has besides its permissions. */
interface Frame {
  /** `all` includes those that will be made later. */
  workspaces: "all" | readonly string[];
  environment: Environment | "every";
  /** Null: never. */
  end: Date | null;
}

/** What the first of two reaches has and the second has not: undefined for nothing. */
export interface ReachComparison {
  /** Whether everything that the first reaches, the second reaches too. */
  isWithin(inner: Reach | JointReach, outer: Reach | JointReach): Slices<boolean>;
  /** The first workspace; `*` for all of them. */
  foreignWorkspace(inner: Frame, outer: Frame): string | undefined;
  /** The first permission. */
  missingPermission(inner: Reach | JointReach, outer: Reach | JointReach): Slices<string | undefined>;
}

/** Creates a comparison. What it finds out about a list of permissions or workspaces, it finds out once. */
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
        foreignWorkspace(inner, outer) === undefined &&
        (yield* lists.missing(listsOf(inner), listsOf(outer))) === undefined
      );
    },
    foreignWorkspace,
    missingPermission: (inner, outer) => lists.missing(listsOf(inner), listsOf(outer)),
  };
}

/** Whether everything that the first reaches, the second reaches too. */
export function isWithin(inner: Reach, outer: Reach): boolean {
  return atOnce(createReachComparison().isWithin(inner, outer));
}

/** Whether a reach is valid in no environment but those of another one. */
export function isEnvironmentWithin(inner: Frame, outer: Frame): boolean {
  return outer.environment === "every" || inner.environment === outer.environment;
}

/** Whether a reach ends no later than another one. */
export function isEndWithin(inner: Frame, outer: Frame): boolean {
  return outer.end === null || (inner.end !== null && inner.end <= outer.end);
}

function listsOf(reach: Reach | JointReach): readonly (readonly string[])[] {
  return "lists" in reach ? reach.lists : [reach.permissions];
}
