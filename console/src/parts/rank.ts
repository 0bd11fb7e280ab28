import { useQuery } from "@connectrpc/connect-query";
import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import type { Role } from "../../gen/latchkey/v1/role_pb.ts";
import { RoleService } from "../../gen/latchkey/v1/role_service_pb.ts";
import { useSession } from "../session.ts";

/** The name of the role whose holders alone make, change and remove owners. */
export const ownerRole = "owner";

/** Returns whether the user is an owner of the account. It is false until that is known. */
export function useOwner(): boolean {
  const { principal, profile, can } = useSession();
  const id = profile.metadata?.id ?? "";
  // Every owner is a user with all permissions, so the page asks for no other profile.
  const enabled = principal.kind === PrincipalKind.USER && can("*");
  const { data } = useQuery(ProfileService.method.getProfile, { id }, { enabled });
  return data?.profile?.info?.role === ownerRole;
}

/** The roles of the account. */
export interface Roles {
  all: readonly Role[];
  /** The name of a role. Without permission to read roles, it is the id. */
  nameOf(id: string): string;
  /** The roles that the user may give: the user holds all of their permissions. */
  offered: readonly Role[];
}

/** Returns the roles of the account, as far as the user may read them. */
export function useRoles(): Roles {
  const { can } = useSession();
  const owner = useOwner();
  const { data } = useQuery(
    RoleService.method.listRoles,
    { limit: 200, sortOrder: "asc" },
    { enabled: can("roles:read") },
  );
  const all = data?.items ?? [];
  const names = new Map(all.map((role) => [role.metadata?.id, role.metadata?.name]));
  const mayGive = ({ metadata, spec }: Role) =>
    spec?.builtin && metadata?.name === ownerRole ? owner : (spec?.permissions ?? []).every(can);
  return { all, nameOf: (id) => names.get(id) ?? id, offered: all.filter(mayGive) };
}

/** Returns the choices of a select for roles. */
export function roleChoices(roles: readonly Role[]): { value: string; label: string }[] {
  return roles.map(({ metadata }) => ({ value: metadata?.id ?? "", label: metadata?.name ?? "" }));
}
