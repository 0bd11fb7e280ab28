import type { AddWorkspaceMemberResponse } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import type { WorkspaceMember } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { usageError } from "../failure.ts";
import { listOptions, readPages } from "../lists.ts";
import { inviteOut, withToken } from "../secret-output.ts";
import { timeText, wordOf } from "../text.ts";
import { timeColumn } from "../time-column.ts";

const workspaceId = { name: "workspace_id", summary: "id of the workspace" } as const;

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
        { title: "type", whole: true, value: ({ profile }) => wordOf(ProfileType, profile?.spec?.type ?? 0) },
        timeColumn("since", ({ createdAt }) => createdAt),
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

/** The commands about the members of a workspace. */
export const workspaceMemberCommands = [members, addMember, removeMember];

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
