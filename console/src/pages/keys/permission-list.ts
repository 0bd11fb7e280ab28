import { implies, parsePermission } from "../../../../src/domain/access/permission-grammar.ts";

/** Returns whether a list holds a permission, by itself or by another entry. */
export function holdsIn(list: readonly string[], permission: string): boolean {
  return list.some((entry) => implies(entry, permission));
}

/** Adds permissions to a list. It drops the entries that another entry includes, as the server does. */
export function withPermissions(list: readonly string[], added: readonly string[]): string[] {
  const all = [...new Set([...list, ...added])];
  return all.filter((one) => !all.some((other) => other !== one && implies(other, one))).sort();
}

/** Removes the entries of a list that equal one of the permissions, or that one of them includes. */
export function withoutPermissions(list: readonly string[], removed: readonly string[]): string[] {
  return list.filter((entry) => !removed.some((one) => implies(one, entry)));
}

/** Returns the permissions in a pasted text, and the words in it that are none. */
export function parsePasted(text: string): { permissions: string[]; others: string[] } {
  const words = text.split(/[\s,;"'[\]]+/).filter((word) => word !== "");
  const parsed = words.map((word) => ({ word, permission: parsePermission(word) }));
  return {
    permissions: parsed.flatMap(({ permission }) => (permission === undefined ? [] : [permission])),
    others: parsed.flatMap(({ word, permission }) => (permission === undefined ? [word] : [])),
  };
}
