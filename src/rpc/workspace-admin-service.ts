import type { ServiceImpl } from "@connectrpc/connect";
import {
  type UpdateWorkspaceRequest,
  UpdateWorkspaceRequestSchema,
  type WorkspaceAdminService,
} from "../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import type { Db } from "../db/connect.ts";
import {
  archiveWorkspace,
  createWorkspace,
  getWorkspace,
  listAccountWorkspaces,
  updateWorkspace,
  type WorkspaceUpdate,
} from "../domain/workspace.ts";
import {
  addWorkspaceMember,
  listWorkspaceMembers,
  removeWorkspaceMember,
  type WorkspaceMember,
} from "../domain/workspace-member.ts";
import { callerOf } from "./context.ts";
import { profileMessage, timestamp, workspaceMessage } from "./messages.ts";
import { changedFields } from "./update-mask.ts";

/** `WorkspaceAdminService`: makes workspaces and decides who enters them. */
export function workspaceAdminService(db: Db): ServiceImpl<typeof WorkspaceAdminService> {
  return {
    async createWorkspace({ metadata, spec, requestId }, context) {
      const workspace = await createWorkspace(db, callerOf(context), {
        requestId,
        name: metadata?.name ?? "",
        description: spec?.description ?? "",
        externalId: metadata?.externalId ?? "",
        labels: metadata?.labels ?? {},
      });
      return { workspace: workspaceMessage(workspace) };
    },
    async listAccountWorkspaces(request, context) {
      const { items, nextCursor } = await listAccountWorkspaces(db, callerOf(context), request);
      return { items: items.map(workspaceMessage), pagination: { nextCursor } };
    },
    async getWorkspace({ workspaceId }, context) {
      return { workspace: workspaceMessage(await getWorkspace(db, callerOf(context), workspaceId)) };
    },
    async updateWorkspace(request, context) {
      return {
        workspace: workspaceMessage(await updateWorkspace(db, callerOf(context), workspaceUpdate(request))),
      };
    },
    async archiveWorkspace({ workspaceId }, context) {
      return { workspace: workspaceMessage(await archiveWorkspace(db, callerOf(context), workspaceId)) };
    },
    async listWorkspaceMembers(request, context) {
      const found = await listWorkspaceMembers(db, callerOf(context), request.workspaceId, request);
      return { items: found.items.map(memberMessage), pagination: { nextCursor: found.nextCursor } };
    },
    async addWorkspaceMember(request, context) {
      return { member: memberMessage(await addWorkspaceMember(db, callerOf(context), request)) };
    },
    async removeWorkspaceMember(request, context) {
      await removeWorkspaceMember(db, callerOf(context), request);
      return {};
    },
  };
}

const changeable = ["metadata.name", "metadata.labels", "metadata.external_id", "spec.description"] as const;

function workspaceUpdate(request: UpdateWorkspaceRequest): WorkspaceUpdate {
  const { workspaceId, etag, metadata, spec } = request;
  const changes = changedFields(UpdateWorkspaceRequestSchema, request, request.updateMask, changeable);
  return {
    id: workspaceId,
    etag,
    ...(changes("metadata.name") && { name: metadata?.name ?? "" }),
    ...(changes("metadata.labels") && { labels: metadata?.labels ?? {} }),
    ...(changes("metadata.external_id") && { externalId: metadata?.externalId ?? "" }),
    ...(changes("spec.description") && { description: spec?.description ?? "" }),
  };
}

function memberMessage(member: WorkspaceMember) {
  return { profile: profileMessage(member.account_id, member), createdAt: timestamp(member.since) };
}
