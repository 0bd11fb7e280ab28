import type { Invite } from "../../../gen/latchkey/v1/invite_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf } from "../failure.ts";
import { listOptions, readPages } from "../lists.ts";
import { idOf, newRequestId } from "../metadata.ts";
import { newPassword } from "../new-password.ts";
import { tokenOut, withToken } from "../secret-output.ts";
import { timeText, wordOf } from "../text.ts";
import { timeColumn } from "../time-column.ts";
import { uninterrupted } from "../uninterrupted.ts";

const inviteId = { name: "invite_id", summary: "id of the invite" } as const;

const list = command({
  path: ["invite", "list"],
  summary: "list the pending invites of the account",
  options: { ...listOptions, ended: { summary: "accepted, revoked and expired invites too" } },
  examples: [
    { text: "List the pending invites.", command: "latchkey invite list" },
    { text: "List every invite.", command: "latchkey invite list --ended --all" },
  ],
  rpcs: ["InviteService.ListInvites"],
  async run(context, { ended, sort = "", ...input }) {
    const { invites } = await context.client();
    const message = await readPages(context.out, input, (page) =>
      invites.listInvites({ showAll: ended, sortOrder: sort, ...page }),
    );
    const { InviteState } = await import("../../../gen/latchkey/v1/invite_pb.ts");
    await context.out.list<Invite>({
      message,
      items: message.items,
      id: idOf,
      empty: "no invites",
      columns: [
        { title: "id", value: idOf },
        { title: "e-mail", value: ({ spec }) => spec?.email ?? "" },
        { title: "role", whole: true, extra: true, value: ({ spec }) => spec?.role ?? "" },
        { title: "state", whole: true, value: ({ state }) => wordOf(InviteState, state) },
        timeColumn("expires", ({ spec }) => spec?.expiresAt),
      ],
    });
  },
});

const create = command({
  path: ["invite", "create"],
  summary: "invite a person into the account",
  description:
    "Invites an e-mail address. The server mails the token of the invite. If it has no mail server, the token is in the result, and only there.",
  arguments: [{ name: "email", summary: "e-mail address" }],
  options: {
    role: { value: "ROLE", required: true, summary: "name or id of the role" },
    workspace: { value: "WORKSPACE_ID", many: true, summary: "workspace that the person may enter" },
    out: tokenOut,
  },
  examples: [
    {
      text: "Invite a developer into one workspace.",
      command: "latchkey invite create NEW_EMAIL --role developer --workspace WORKSPACE_ID --out NEW_FILE",
    },
  ],
  rpcs: ["InviteService.CreateInvite"],
  async run(context, { email, role, workspace, out }) {
    await withToken(context, out, async (take) => {
      const { invites } = await context.client();
      const request = { email, role, workspaceIds: [...workspace], requestId: newRequestId() };
      const { invite } = await invites.createInvite(request);
      if (!invite?.spec) throw failureOf("the server sent no invite");
      if (invite.spec.token === "") context.out.note(`the server mails the token to ${email}`);
      invite.spec.token = take(invite.spec.token);
      await show(context, invite);
    });
  },
});

const revoke = command({
  path: ["invite", "revoke"],
  summary: "revoke a pending invite",
  arguments: [inviteId],
  options: { yes },
  examples: [{ text: "Revoke an invite.", command: "latchkey invite revoke INVITE_ID --yes" }],
  rpcs: ["InviteService.RevokeInvite"],
  async run(context, { invite_id: id, yes: confirmed }) {
    await context.confirm(`Revoke ${id}?`, { yes: confirmed });
    const { invites } = await context.client();
    await show(context, (await invites.revokeInvite({ id })).invite);
  },
});

const accept = command({
  path: ["invite", "accept"],
  summary: "accept an invite, as a new user or as the signed-in one",
  description:
    "Accepts an invite with its token. With --name, it makes a new user with a password, and keeps the session for later commands. Without --name, the signed-in user joins the account.",
  arguments: [inviteId],
  options: {
    "invite-token-file": { value: "FILE", summary: "file with the token of the invite, or - for stdin" },
    name: { value: "NAME", summary: "display name of the new user" },
    "password-file": {
      value: "FILE",
      summary: "file with the password of the new user; without it, the terminal asks twice",
    },
  },
  examples: [
    {
      text: "Accept an invite as a new user.",
      command:
        "latchkey invite accept INVITE_ID --invite-token-file INVITE_TOKEN_FILE --name Ada --password-file PASSWORD_FILE",
    },
  ],
  rpcs: ["InviteService.AcceptInvite"],
  async run(context, { invite_id: id, name = "", ...files }) {
    const file = files["invite-token-file"];
    const token =
      file === undefined ? await context.askSecret("Token of the invite") : await context.secrets.one(file);
    const password = name === "" ? "" : await newPassword(context, files["password-file"]);
    if (name !== "") context.credentials.requireWritable();
    const { invites } = name === "" ? await context.client() : await context.clientWith();
    const response = await uninterrupted(context, { outcome: () => "the invite is accepted" }, async () => {
      const accepted = await invites.acceptInvite({ id, token, name, password });
      if (accepted.token !== "") {
        context.credentials.set(context.url(), {
          token: accepted.token,
          account: idOf(accepted.account ?? {}),
          ca: context.caFile(),
        });
        // The session is kept in the credential file, and shown nowhere.
        accepted.token = "";
      }
      return accepted;
    });
    context.out.note(`joined ${response.account?.metadata?.name} at ${context.url()}`);
    await context.out.item({
      message: response,
      id: idOf(response.profile ?? {}),
      fields: [
        ["account", idOf(response.account ?? {})],
        ["profile", idOf(response.profile ?? {})],
        ["name", response.profile?.spec?.name ?? ""],
      ],
    });
  },
});

/** The commands about invites. */
export const inviteCommands = [list, create, revoke, accept];

async function show(context: Context, invite: Invite | undefined): Promise<void> {
  if (!invite) throw failureOf("the server sent no invite");
  const { InviteState } = await import("../../../gen/latchkey/v1/invite_pb.ts");
  const { spec, info, state } = invite;
  await context.out.item({
    message: invite,
    id: idOf(invite),
    fields: [
      ["id", idOf(invite)],
      ["e-mail", spec?.email ?? ""],
      ["role", spec?.role ?? ""],
      ["workspaces", (spec?.workspaceIds ?? []).join(" ")],
      ["state", wordOf(InviteState, state)],
      ["expires", timeText(spec?.expiresAt)],
      ["made by", info?.createdBy?.spec?.name ?? ""],
      ["token", spec?.token ?? ""],
    ],
  });
}
