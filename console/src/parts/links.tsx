import { Link } from "wouter";
import type { MenuItem } from "../ui/menu.tsx";

/** Returns the address of the audit log of one resource. */
export function historyOf(id: string): string {
  return `/audit?resource=${encodeURIComponent(id)}`;
}

/** Returns the entry of a menu that shows the audit log of a resource, if the user may read it. */
export function historyItem(id: string, mayRead: boolean, navigate: (to: string) => void): MenuItem[] {
  return mayRead ? [{ label: "History", icon: "audit", onSelect: () => navigate(historyOf(id)) }] : [];
}

const pathsByPrefix: Readonly<Record<string, (id: string) => string>> = {
  key: (id) => `/keys?key=${id}`,
  ws: (id) => `/workspaces/${id}`,
  team: (id) => `/teams/${id}`,
};

/** The name of something, as a link to its page if it has one. */
export function Named({ id, name }: { id: string; name: string }) {
  const path = pathsByPrefix[id.slice(0, id.indexOf("_"))];
  if (!path) return <strong title={id}>{name}</strong>;
  return (
    <Link to={path(id)} title={id}>
      {name}
    </Link>
  );
}
