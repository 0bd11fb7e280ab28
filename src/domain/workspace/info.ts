import { sql } from "kysely";
import type { MakerRef } from "../access/principal.ts";

/** The fields of a workspace that the server sets. */
export interface WorkspaceInfo {
  createdBy: MakerRef | undefined;
  membersTotal: number;
}

/** The same fields as the database returns them. */
export interface StoredInfo {
  createdBy: MakerRef | null;
  membersTotal: number;
}

/** Selects the fields that the server sets, in a statement on `workspace`. */
export const infoColumn = sql<StoredInfo>`json_build_object(
  'createdBy', (
    select json_build_object(
      'id', p.id, 'type', p.type, 'name', p.name, 'email', p.email, 'platformKeyId', workspace.platform_key_id
    )
    from profile p where p.id = workspace.created_by
  ),
  'membersTotal', (
    select count(*) from workspace_grant g
    where g.account_id = workspace.account_id and g.workspace_id = workspace.id
  )
)`;

/** Converts the fields that the server sets from their row. */
export function infoOf({ createdBy, membersTotal }: StoredInfo): WorkspaceInfo {
  return { createdBy: createdBy ?? undefined, membersTotal };
}
