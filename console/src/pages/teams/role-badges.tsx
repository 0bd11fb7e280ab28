import { Badge } from "../../ui/badge.tsx";

/** The roles of a team. */
export function RoleBadges({ roles, nameOf }: { roles: readonly string[]; nameOf(id: string): string }) {
  if (roles.length === 0) return <span className="quiet">none</span>;
  return (
    <span className="badges">
      {roles.map((id) => (
        <Badge key={id}>{nameOf(id)}</Badge>
      ))}
    </span>
  );
}
