import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import type { OpenAccountResponse } from "../../../gen/latchkey/v1/account_service_pb.ts";
import type { Invite } from "../../../gen/latchkey/v1/invite_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf } from "../failure.ts";
import { listOptions, readPages } from "../lists.ts";
import {
  filterOf,
  filterOptions,
  idOf,
  metadataOf,
  metadataOptions,
  newName,
  newRequestId,
} from "../metadata.ts";
import { inviteOut, withToken } from "../secret-output.ts";
import { accountTable, showAccount } from "../show-account.ts";

const accountId = { name: "account_id", summary: "id of the account" } as const;
const byPlatform = "Only a key of the platform account may do this.";
const entitlement = {
  value: "ENTITLEMENT",
  many: true,
  summary: "what the plan includes, such as realtime or max_api_keys=100",
} as const;
const search = command({
  path: ["account", "search"],
  summary: "list the accounts of the deployment, for the platform",
  description: byPlatform,
  options: { ...listOptions, ...filterOptions },
  examples: [
    {
      text: "Find an account by its id in your system.",
      command: "latchkey account search --external-id customer-7 --token-file platform-key",
    },
  ],
  rpcs: ["AccountService.SearchAccounts"],
  async run(context, input) {
    const { accounts } = await context.client();
    const filter = filterOf(input);
    const message = await readPages(context.out, input, (page) =>
      accounts.searchAccounts({ ...filter, ...page }),
    );
    await context.out.list<Account>(await accountTable(message));
  },
});

const open = command({
  path: ["account", "open"],
  summary: "make an account for a customer, for the platform",
  description: `${byPlatform} With --owner, the server invites the owner. If it has no mail server, the token of the invite is in the result, and only there.`,
  options: {
    name: newName,
    label: metadataOptions.label,
    "external-id": metadataOptions["external-id"],
    owner: { value: "EMAIL", summary: "e-mail address of the owner to invite" },
    entitlement,
    out: inviteOut,
  },
  examples: [
    {
      text: "Make an account with an entitlement.",
      command:
        "latchkey account open --name Globex --external-id NEW_EXTERNAL_ID --entitlement max_api_keys=100 --token-file platform-key",
    },
  ],
  rpcs: ["AccountService.OpenAccount"],
  async run(context, { name, owner = "", entitlement: entitlements, out, ...input }) {
    const request = {
      metadata: metadataOf(name, { ...input, description: undefined }),
      ownerEmail: owner,
      entitlements: [...entitlements],
      requestId: newRequestId(),
    };
    const { accounts } = await context.client();
    // Only an invitation has a token.
    if (owner === "") return showOpened(context, await accounts.openAccount(request));
    await withToken(context, out, async (take) => {
      const response = await accounts.openAccount(request);
      if (response.invite) context.out.note(invitation(response.invite, owner));
      if (response.invite?.spec) response.invite.spec.token = take(response.invite.spec.token);
      await showOpened(context, response);
    });
  },
});

const inviteOwner = command({
  path: ["account", "invite-owner"],
  summary: "invite the first owner of an account, for the platform",
  description: `${byPlatform} It works only while the account has neither an owner nor a pending invite of one.`,
  arguments: [accountId, { name: "email", summary: "e-mail address of the owner" }],
  options: { out: inviteOut },
  examples: [
    {
      text: "Invite the first owner.",
      command: "latchkey account invite-owner OPENED_ACCOUNT_ID NEW_EMAIL --token-file platform-key",
    },
  ],
  rpcs: ["AccountService.InviteFirstOwner"],
  async run(context, { account_id: id, email, out }) {
    await withToken(context, out, async (take) => {
      const { accounts } = await context.client();
      const { invite } = await accounts.inviteFirstOwner({ accountId: id, email });
      if (!invite) throw failureOf("the server sent no invite");
      context.out.note(invitation(invite, email));
      const token = take(invite.spec?.token ?? "");
      if (invite.spec) invite.spec.token = token;
      await context.out.item({
        message: invite,
        id: idOf(invite),
        fields: [
          ["invite", idOf(invite)],
          ["e-mail", email],
          ["token", token],
        ],
      });
    });
  },
});

const entitlements = command({
  path: ["account", "set-entitlements"],
  summary: "set what the plan of an account includes, for the platform",
  description: `${byPlatform} The entitlements replace all earlier ones. Without any, the plan includes nothing.`,
  arguments: [
    accountId,
    { name: "entitlement", summary: "such as realtime or max_api_keys=100", optional: true, many: true },
  ],
  examples: [
    {
      text: "Set two entitlements.",
      command:
        "latchkey account set-entitlements TENANT_ID realtime max_api_keys=100 --token-file platform-key",
    },
  ],
  rpcs: ["AccountService.SetEntitlements"],
  async run(context, { account_id: id, entitlement: all }) {
    const { accounts } = await context.client();
    const { account } = await accounts.setEntitlements({ accountId: id, entitlements: [...all] });
    await showAccount(context, account);
  },
});

const suspend = command({
  path: ["account", "suspend"],
  summary: "suspend an account, so that none of its credentials work, for the platform",
  description: byPlatform,
  arguments: [accountId],
  options: { yes },
  examples: [
    {
      text: "Suspend an account.",
      command: "latchkey account suspend TENANT_ID --yes --token-file platform-key",
    },
  ],
  rpcs: ["AccountService.SuspendAccount"],
  async run(context, { account_id: id, yes: confirmed }) {
    await context.confirm(`Suspend ${id}? All of its keys and sessions stop working`, { yes: confirmed });
    const { accounts } = await context.client();
    await showAccount(context, (await accounts.suspendAccount({ accountId: id })).account);
  },
});

const resume = command({
  path: ["account", "resume"],
  summary: "end the suspension or the deletion of an account, for the platform",
  description: byPlatform,
  arguments: [accountId],
  examples: [
    { text: "Resume an account.", command: "latchkey account resume TENANT_ID --token-file platform-key" },
  ],
  rpcs: ["AccountService.ResumeAccount"],
  async run(context, { account_id: id }) {
    const { accounts } = await context.client();
    await showAccount(context, (await accounts.resumeAccount({ accountId: id })).account);
  },
});

/** The commands by which the platform administers accounts. */
export const platformCommands = [search, open, inviteOwner, entitlements, suspend, resume];

async function showOpened(context: Context, response: OpenAccountResponse): Promise<void> {
  const { account, invite } = response;
  await showAccount(context, account, {
    message: response,
    fields: [
      ["invite", invite ? idOf(invite) : ""],
      ["token", invite?.spec?.token ?? ""],
    ],
  });
}

function invitation(invite: Invite, email: string): string {
  const isMailed = (invite.spec?.token ?? "") === "";
  return `invited ${email} with ${idOf(invite)}${isMailed ? ": the server mails the token" : ""}`;
}
