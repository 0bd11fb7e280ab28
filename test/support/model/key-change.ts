import { type Command, type Numbers, type Plan, pick } from "./commands.ts";
import type { Actor, Key } from "./model.ts";
import { type Effect, keyReach, mayResult, reachOf, withinOwnList } from "./reach.ts";

/** Returns whether an actor may turn a key into `after`. */
export function mayChange(actor: Actor, before: Key, after: Key): boolean {
  const effect = { before: keyReach(before), after: keyReach(after) };
  return mayResult(actor, [effect]) && withinOwnList(actor, after, before);
}

/** Returns whether an actor may rotate or enable a key. Both need the same authority as making the key. */
export function mayRevive(actor: Actor, key: Key): boolean {
  return mayResult(actor, [{ after: keyReach(key) }]) && withinOwnList(actor, key);
}

/**
 * Returns the effect of granting workspaces to a key. The actor must be able to enter them, even if the owner of the key is
 * not.
 */
export function granting({ kind }: Key, workspaceIds: readonly string[]): Effect[] {
  const after = { ...reachOf([], false, workspaceIds), everywhere: kind !== "application" };
  return workspaceIds.length > 0 ? [{ after }] : [];
}

/** Creates a command about a key and a workspace. */
export function withKey(
  plan: (key: Key, actor: Actor, numbers: Numbers, workspaceId: string) => Plan,
): Command {
  return (world, actor, numbers) => {
    // A key that acts sometimes changes itself.
    const key = numbers.a % 4 === 0 && actor.key ? actor.key : pick(world.keys, numbers.a);
    const workspaceId = pick(world.workspaces, numbers.c);
    return key && workspaceId ? plan(key, actor, numbers, workspaceId) : undefined;
  };
}
