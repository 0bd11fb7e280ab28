import type { WorkspaceService } from "../../gen/latchkey/v1/workspace_service_pb.ts";
import type { Db } from "../db/connect.ts";
import { listWorkspaces } from "../domain/workspace/workspace.ts";
import { workspaceMessage } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";

/** `WorkspaceService`: the workspaces that the caller may enter. */
export function workspaceService(db: Db): Operations<typeof WorkspaceService> {
  return {
    async listWorkspaces(request, context) {
      const { items, nextCursor } = await listWorkspaces(db, callerOf(context), request);
      return { items: items.map(workspaceMessage), pagination: { nextCursor } };
    },
  };
}
