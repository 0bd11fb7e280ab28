import type { Workspace } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf, usageError } from "../failure.ts";
import { listOptions, readPages } from "../lists.ts";
import {
  changeOf,
  changeOptions,
  filterOf,
  filterOptions,
  idOf,
  metadataColumns,
  metadataFields,
  metadataOf,
  metadataOptions,
  newName,
  newRequestId,
} from "../metadata.ts";
import { timeText, wordOf } from "../text.ts";
import { workspaceMemberCommands } from "./workspace-member.ts";

const workspaceId = { name: "workspace_id", summary: "id of the workspace" } as const;

const list = command({
  path: ["workspace", "list"],
  summary: "list the workspaces of the account",
  options: {
    ...listOptions,
    ...filterOptions,
    mine: { summary: "only those that the caller may enter" },
    archived: { summary: "archived workspaces too" },
  },
  examples: [
    { text: "List the workspaces of the account.", command: "latchkey workspace list" },
    { text: "List those that the caller may enter.", command: "latchkey workspace list --mine" },
  ],
  rpcs: ["WorkspaceAdminService.ListAccountWorkspaces", "WorkspaceService.ListWorkspaces"],
  async run(context, input) {
    if (input.mine && input.archived) throw usageError("no principal may enter an archived workspace");
    const { workspaceAdmin, workspaces } = await context.client();
    const filter = { ...filterOf(input), includeInfo: true };
    const message = input.mine
      ? await readPages(context.out, input, (page) => workspaces.listWorkspaces({ ...filter, ...page }))
      : await readPages(context.out, input, (page) =>
          workspaceAdmin.listAccountWorkspaces({ ...filter, ...page, showArchived: input.archived }),
        );
    const { WorkspaceState } = await import("../../../gen/latchkey/v1/workspace_pb.ts");
    const { id, name, labels } = metadataColumns<Workspace>();
    await context.out.list<Workspace>({
      message,
      items: message.items,
      id: idOf,
      empty: "no workspaces",
      columns: [
        id,
        name,
        { title: "state", whole: true, value: ({ state }) => wordOf(WorkspaceState, state) },
        { title: "members", value: ({ info }) => String(info?.membersTotal ?? "") },
        labels,
      ],
    });
  },
});

const get = command({
  path: ["workspace", "get"],
  summary: "show a workspace",
  arguments: [workspaceId],
  examples: [{ text: "Show a workspace.", command: "latchkey workspace get WORKSPACE_ID" }],
  rpcs: ["WorkspaceAdminService.GetWorkspace"],
  async run(context, { workspace_id: id }) {
    const { workspaceAdmin } = await context.client();
    const { workspace } = await workspaceAdmin.getWorkspace({ workspaceId: id });
    await show(context, workspace);
  },
});

const create = command({
  path: ["workspace", "create"],
  summary: "make a workspace",
  description: "Makes a workspace. The caller does not become a member of it.",
  options: { name: newName, ...metadataOptions },
  examples: [
    { text: "Make a workspace.", command: "latchkey workspace create --name Staging --label env=staging" },
  ],
  rpcs: ["WorkspaceAdminService.CreateWorkspace"],
  async run(context, { name, ...input }) {
    const { workspaceAdmin } = await context.client();
    const { workspace } = await workspaceAdmin.createWorkspace({
      metadata: metadataOf(name, input),
      spec: { description: input.description ?? "" },
      requestId: newRequestId(),
    });
    await show(context, workspace);
  },
});

const update = command({
  path: ["workspace", "update"],
  summary: "change a workspace",
  arguments: [workspaceId],
  options: changeOptions,
  examples: [
    { text: "Rename a workspace.", command: "latchkey workspace update WORKSPACE_ID --name Production" },
    { text: "Remove all labels.", command: "latchkey workspace update WORKSPACE_ID --clear labels" },
  ],
  rpcs: ["WorkspaceAdminService.UpdateWorkspace"],
  async run(context, { workspace_id: id, ...input }) {
    const change = changeOf(input);
    const { workspaceAdmin } = await context.client();
    const { workspace } = await workspaceAdmin.updateWorkspace({ workspaceId: id, ...change });
    await show(context, workspace);
  },
});

const archive = command({
  path: ["workspace", "archive"],
  summary: "archive a workspace, so that no principal may enter it",
  arguments: [workspaceId],
  options: { yes },
  examples: [{ text: "Archive a workspace.", command: "latchkey workspace archive WORKSPACE_ID --yes" }],
  rpcs: ["WorkspaceAdminService.ArchiveWorkspace"],
  async run(context, { workspace_id: id, yes: confirmed }) {
    await context.confirm(`Archive ${id}? This cannot be undone`, { yes: confirmed });
    const { workspaceAdmin } = await context.client();
    const { workspace } = await workspaceAdmin.archiveWorkspace({ workspaceId: id });
    await show(context, workspace);
  },
});

/** The commands about workspaces and their members. */
export const workspaceCommands = [list, get, create, update, archive, ...workspaceMemberCommands];

async function show(context: Context, workspace: Workspace | undefined): Promise<void> {
  if (!workspace) throw failureOf("the server sent no workspace");
  const { WorkspaceState } = await import("../../../gen/latchkey/v1/workspace_pb.ts");
  const { metadata, spec, info, state, etag } = workspace;
  await context.out.item({
    message: workspace,
    id: metadata?.id ?? "",
    fields: [
      ...metadataFields(metadata),
      ["state", wordOf(WorkspaceState, state)],
      ["description", spec?.description ?? ""],
      ["made by", info?.createdBy?.spec?.name ?? ""],
      ["archived", timeText(info?.archivedAt)],
      ["etag", etag],
    ],
  });
}
