import type { AddWorkspaceMemberResponse } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import type { Workspace, WorkspaceMember } from "../../../gen/latchkey/v1/workspace_pb.ts";
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
import { inviteOut, withToken } from "../secret-output.ts";
import { timeText, wordOf } from "../text.ts";

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
        { title: "state", value: ({ state }) => wordOf(WorkspaceState, state) },
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

const members = command({
  path: ["workspace", "members"],
  summary: "list the profiles that a workspace is granted to",
  arguments: [workspaceId],
  options: listOptions,
  examples: [{ text: "List the members.", command: "latchkey workspace members WORKSPACE_ID" }],
  rpcs: ["WorkspaceAdminService.ListWorkspaceMembers"],
  async run(context, { workspace_id: id, ...input }) {
    const { workspaceAdmin } = await context.client();
    const message = await readPages(context.out, input, (page) =>
      workspaceAdmin.listWorkspaceMembers({ workspaceId: id, sortOrder: input.sort ?? "", ...page }),
    );
    const { ProfileType } = await import("../../../gen/latchkey/v1/profile_pb.ts");
    await context.out.list<WorkspaceMember>({
      message,
      items: message.items,
      id: ({ profile }) => profile?.metadata?.id ?? "",
      empty: "no members",
      columns: [
        { title: "profile", value: ({ profile }) => profile?.metadata?.id ?? "" },
        { title: "name", value: ({ profile }) => profile?.spec?.name ?? "" },
        { title: "type", value: ({ profile }) => wordOf(ProfileType, profile?.spec?.type ?? 0) },
        { title: "since", value: ({ createdAt }) => timeText(createdAt) },
      ],
    });
  },
});

const addMember = command({
  path: ["workspace", "add-member"],
  summary: "grant a workspace to a profile, or invite a person into it",
  arguments: [workspaceId],
  options: {
    profile: { value: "PROFILE_ID", summary: "the person, service account or key" },
    email: { value: "EMAIL", summary: "the person; invited if no member of the account has this address" },
    role: { value: "ROLE", summary: "role of an invited person (viewer)" },
    out: inviteOut,
  },
  examples: [
    {
      text: "Grant a workspace to a member of the account.",
      command: "latchkey workspace add-member WORKSPACE_ID --profile MEMBER_ID",
    },
    {
      text: "Invite a person into a workspace.",
      command: "latchkey workspace add-member WORKSPACE_ID --email NEW_EMAIL --role developer",
    },
  ],
  rpcs: ["WorkspaceAdminService.AddWorkspaceMember"],
  async run(context, { workspace_id: id, profile, email, role = "", out }) {
    if ((profile === undefined) === (email === undefined)) throw usageError("expected --profile or --email");
    const request = { workspaceId: id, profileId: profile ?? "", email: email ?? "", role };
    const { workspaceAdmin } = await context.client();
    // Only an invitation has a token.
    if (email === undefined) return showAdded(context, await workspaceAdmin.addWorkspaceMember(request));
    await withToken(context, out, async (take) => {
      const response = await workspaceAdmin.addWorkspaceMember(request);
      if (response.invite?.spec) response.invite.spec.token = take(response.invite.spec.token);
      await showAdded(context, response);
    });
  },
});

const removeMember = command({
  path: ["workspace", "remove-member"],
  summary: "take a workspace away from a profile",
  arguments: [workspaceId, { name: "profile_id", summary: "id of the profile" }],
  options: { yes },
  examples: [
    {
      text: "Take a workspace away from a person.",
      command: "latchkey workspace remove-member WORKSPACE_ID MEMBER_ID --yes",
    },
  ],
  rpcs: ["WorkspaceAdminService.RemoveWorkspaceMember"],
  async run(context, { workspace_id: workspaceId, profile_id: profileId, yes: confirmed }) {
    await context.confirm(`Take ${workspaceId} away from ${profileId}?`, { yes: confirmed });
    const { workspaceAdmin } = await context.client();
    const response = await workspaceAdmin.removeWorkspaceMember({ workspaceId, profileId });
    context.out.note(`${profileId} may not enter ${workspaceId}`);
    await context.out.item({ message: response, id: profileId, fields: [] });
  },
});

async function showAdded({ out }: Context, response: AddWorkspaceMemberResponse): Promise<void> {
  const { member, invite } = response;
  if (invite) out.note(`invited ${invite.spec?.email}: the invite gives the workspace when it is accepted`);
  await out.item({
    message: response,
    id: member?.profile?.metadata?.id ?? invite?.metadata?.id ?? "",
    fields: [
      ["profile", member?.profile?.metadata?.id ?? ""],
      ["name", member?.profile?.spec?.name ?? ""],
      ["since", timeText(member?.createdAt)],
      ["invite", invite?.metadata?.id ?? ""],
      ["token", invite?.spec?.token ?? ""],
    ],
  });
}

/** The commands about workspaces and their members. */
export const workspaceCommands = [list, get, create, update, archive, members, addMember, removeMember];

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
