import {
  type UpdateWorkspaceRequest,
  UpdateWorkspaceRequestSchema,
  type WorkspaceAdminService,
} from "../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import type { Store } from "../db/connect.ts";
import type { InviteDeps } from "../domain/invite/invite.ts";
import {
  addWorkspaceMember,
  listWorkspaceMembers,
  removeWorkspaceMember,
  type WorkspaceMember,
} from "../domain/workspace/member.ts";
import {
  archiveWorkspace,
  createWorkspace,
  getWorkspace,
  listAccountWorkspaces,
  updateWorkspace,
  type WorkspaceUpdate,
} from "../domain/workspace/workspace.ts";
import { changeable } from "./changeable.ts";
import { inviteMessage } from "./invite-message.ts";
import { profileMessage, timestamp, workspaceMessage } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";
import { commonFields, commonUpdate } from "./resource-request.ts";
import { changedFields } from "./update-mask.ts";

/** `WorkspaceAdminService`: the workspaces of an account, and their members. */
export function workspaceAdminService(db: Store, deps: InviteDeps): Operations<typeof WorkspaceAdminService> {
  return {
    async createWorkspace(request, context) {
      const workspace = await createWorkspace(db, callerOf(context), commonFields(request));
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
      const { member, invite } = await addWorkspaceMember(db, callerOf(context), deps, request);
      return {
        ...(member && { member: memberMessage(member) }),
        ...(invite && { invite: inviteMessage(invite) }),
      };
    },
    async removeWorkspaceMember(request, context) {
      await removeWorkspaceMember(db, callerOf(context), request);
      return {};
    },
  };
}

function workspaceUpdate(request: UpdateWorkspaceRequest): WorkspaceUpdate {
  const changes = changedFields(
    UpdateWorkspaceRequestSchema,
    request,
    request.updateMask,
    changeable.UpdateWorkspaceRequest,
  );
  return commonUpdate({ ...request, id: request.workspaceId }, changes);
}

function memberMessage(member: WorkspaceMember) {
  return { profile: profileMessage(member.account_id, member), createdAt: timestamp(member.since) };
}
