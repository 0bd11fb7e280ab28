import {
  inviteOf,
  newEmail,
  newMember,
  newName,
  newRole,
  newServiceAccount,
  newTeam,
} from "../actors/actors.ts";
import { mailedToken } from "../actors/mailbox.ts";
import type { Owner, SharedApp } from "../app.ts";
import { password } from "../app.ts";

/** What makes the resources of examples. */
export interface Maker {
  app: SharedApp;
  /** Returns the owner with a new session, because an example may have ended the last one. */
  owner(): Promise<Owner>;
  file(name: string, content: string): string;
  next(): number;
}

type Placeholders = Record<string, () => string | Promise<string>>;

/** Returns what the words for people, teams, roles and service accounts stand for. */
export function peoplePlaceholders({ app, owner, file, next }: Maker): Placeholders {
  let lastInviteToken = "";
  const person = async () => newMember(app, await owner(), "viewer");
  const team = async () => newTeam(await owner());
  return {
    NEW_FILE: () => `new-file-${next()}`,
    MEMBER_ID: async () => (await person()).profileId,
    MEMBER_TOKEN_FILE: async () => file(`member${next()}`, (await person()).token),
    TEAM_ID: team,
    OTHER_TEAM_ID: team,
    ROLE_ID: async () => newRole(await owner(), newName(), "agents:write"),
    SERVICE_ACCOUNT_ID: async () => (await newServiceAccount(await owner(), newName(), await team())).id,
    INVITE_ID: async () => {
      const { id, token } = await inviteOf(await owner(), { email: newEmail(), role: "viewer" });
      lastInviteToken = token;
      return id;
    },
    INVITE_TOKEN_FILE: () => file(`invite${next()}`, lastInviteToken),
    SESSION_ID: async () => {
      const { sessions } = await owner();
      const { items } = await sessions.listSessions({ sortOrder: "asc" });
      return items.find(({ current }) => !current)?.id ?? "";
    },
    RESET_TOKEN_FILE: async () => {
      const { email } = await person();
      await app.clientAs("").sessions.requestPasswordReset({ email });
      return file(`reset${next()}`, await mailedToken(app, email));
    },
    EMAIL_TOKEN_FILE: async () => {
      const [{ sessions }, email] = [await person(), newEmail()];
      await sessions.changeEmail({ email, password });
      return file(`email${next()}`, await mailedToken(app, email));
    },
  };
}

/** Returns what the words for accounts stand for. */
export function accountPlaceholders({ app, owner, next }: Maker): Placeholders {
  const platform = () => app.clientAs(app.platformToken).accounts;
  let otherId = "";
  return {
    NEW_EXTERNAL_ID: () => `customer-${next()}`,
    TENANT_ID: async () => (await app.newAccount()).account.metadata?.id ?? "",
    OPENED_ACCOUNT_ID: async () => {
      const { account } = await platform().openAccount({ metadata: { name: newName() } });
      return account?.metadata?.id ?? "";
    },
    CREDITED_ACCOUNT_ID: async () => {
      const accountId = (await app.newAccount()).account.metadata?.id ?? "";
      await platform().setCredits({ accountId, credits: { remaining: 1 } });
      return accountId;
    },
    OTHER_ACCOUNT_NAME: async () => {
      const name = `other${next()}`;
      const { account } = await (await owner()).accounts.createAccount({ metadata: { name } });
      otherId = account?.metadata?.id ?? "";
      return name;
    },
    OTHER_ACCOUNT_ID: () => otherId,
  };
}
