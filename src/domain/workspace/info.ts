import { sql } from "kysely";
import type { ProfileRef } from "../access/principal.ts";

/** What the server knows of a workspace. */
export interface WorkspaceInfo {
  createdBy: ProfileRef | undefined;
  membersTotal: number;
}

/** The same as it comes from the database. */
export interface StoredInfo {
  createdBy: ProfileRef | null;
  membersTotal: number;
}

/** What the server knows of a workspace, as a part of a statement on `workspace`. */
export const infoColumn = sql<StoredInfo>`json_build_object(
  'createdBy', (
    select json_build_object('id', p.id, 'type', p.type, 'name', p.name, 'email', p.email)
    from profile p where p.id = workspace.created_by
  ),
  'membersTotal', (
    select count(*) from workspace_grant g
    where g.account_id = workspace.account_id and g.workspace_id = workspace.id
  )
)`;

/** What the server knows of a workspace, from what is stored. */
export function infoOf({ createdBy, membersTotal }: StoredInfo): WorkspaceInfo {
  return { createdBy: createdBy ?? undefined, membersTotal };
}
