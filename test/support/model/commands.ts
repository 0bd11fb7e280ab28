import type { Actor, Person, World } from "./model.ts";

/** Numbers that choose what a step is about. Each picks one item of a list. */
export interface Numbers {
  a: number;
  b: number;
  c: number;
}

/** A change: whether the model allows it, and a function that makes it in the service and then in the model. */
export interface Plan {
  allowed: boolean;
  run(): Promise<unknown>;
}

/** Returns the change of a step by an actor, or undefined if the world has nothing that the step could be about. */
export type Command = (world: World, actor: Actor, numbers: Numbers) => Plan | undefined;

/** Returns one item of a list. */
export function pick<T>(list: readonly T[], number: number): T | undefined {
  return list[number % list.length];
}

/** The lists of permissions that roles and keys get. */
export const lists = [
  ["agents:read"],
  ["agents:write", "runs:start"],
  ["*:write", "api_keys:write"],
  ["*:read", "runs:*", "teams:manage"],
  ["api_keys:manage", "service_accounts:manage", "agents:read"],
  ["profiles:manage", "roles:manage", "invites:write", "workspaces:manage"],
  ["*"],
  [],
];

/** Returns the metadata of a new resource, with a random name. */
export const named = () => ({ name: `n${Math.random()}` });

/** Returns whether an actor holds a permission. */
export function can({ rights }: Actor, permission: string): boolean {
  return rights.permissions.has(permission);
}

/** Returns the people who belong to the account now. */
export function members({ people }: World): Person[] {
  return people.filter((person) => person.role);
}
