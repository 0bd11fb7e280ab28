import type { ComponentType } from "react";
import type { IconName } from "./ui/icon.tsx";

/** A page of the console. `pages.ts` lists them. */
export interface Page {
  /** The path below `/console`. A part such as `:id` matches one segment. */
  path: string;
  title: string;
  /** The users that the page is for. Unset: members of an account. */
  audience?: "public" | "user" | "platform";
  /** The permission without which the page is not offered. */
  needs?: string;
  /** The place of the page in the menu. A page without it is reached by links. */
  nav?: { group: NavGroup; icon: IconName };
  /** The RPCs that the page calls, for docs/surface.md. */
  rpcs: readonly string[];
  load(): Promise<ComponentType>;
}

/** The groups of the menu, in their order. */
export const navGroups = ["Access", "People", "Account", "You", "Platform"] as const;
/** A group of the menu. */
export type NavGroup = (typeof navGroups)[number];
