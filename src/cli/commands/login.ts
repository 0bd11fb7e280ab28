import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import type { WhoAmIResponse } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { failureOf, usageError } from "../failure.ts";
import { newPassword } from "../new-password.ts";
import { labelsText, timeText, wordOf } from "../text.ts";
import { uninterrupted } from "../uninterrupted.ts";

const passwordFile = {
  value: "FILE",
  summary: "file with the password, or - for stdin; without it, the terminal asks",
} as const;

const signUp = command({
  path: ["sign-up"],
  summary: "create a user with a new account, and log in",
  description:
    "Creates a user and an account that the user owns, and keeps the session for later commands, as `login` does.",
  options: {
    email: { value: "EMAIL", summary: "e-mail address of the new user" },
    name: { value: "NAME", summary: "display name of the new user" },
    "account-name": { value: "NAME", summary: "name of the new account" },
    "password-file": passwordFile,
  },
  examples: [
    { text: "The terminal asks for everything.", command: "latchkey sign-up" },
    {
      text: "Sign up without a terminal.",
      command:
        "latchkey sign-up --email NEW_EMAIL --name Ada --account-name Acme --password-file PASSWORD_FILE",
    },
  ],
  rpcs: ["SessionService.SignUp"],
  async run(context, input) {
    const email = input.email ?? (await context.ask("E-mail address"));
    const name = input.name ?? (await context.ask("Your name"));
    const accountName = input["account-name"] ?? (await context.ask("Name of the account"));
    const password = await newPassword(context, input["password-file"]);
    context.credentials.requireWritable();
    const { sessions } = await context.clientWith();
    const { account, token } = await uninterrupted(context, { outcome: keptAs(email) }, async () => {
      const response = await sessions.signUp({ email, name, accountName, password });
      keep(context, response.token, response.account?.metadata?.id);
      return response;
    });
    context.out.note(`signed up as ${email} at ${context.url()}`);
    if (context.out.format === "text") return;
    const client = await context.clientWith(token, account?.metadata?.id);
    await showPrincipal(context, await client.profiles.whoAmI({}));
  },
});

const login = command({
  path: ["login"],
  summary: "log in, and keep the session for later commands",
  description:
    "Keeps a session, or with --token-file the token of an API key, for later commands with the same URL. Only this user can read the file with the tokens. Later commands without --url call the server of the last login.",
  options: {
    email: { value: "EMAIL", summary: "e-mail address; without it, the terminal asks" },
    "password-file": passwordFile,
  },
  examples: [
    { text: "The terminal asks for the e-mail address and the password.", command: "latchkey login" },
    {
      text: "Log in without a terminal.",
      command: "latchkey login --email EMAIL --password-file PASSWORD_FILE",
    },
    { text: "Keep the token of an API key.", command: "latchkey login --token-file TOKEN_FILE" },
  ],
  rpcs: ["SessionService.LogIn", "ProfileService.WhoAmI"],
  async run(context, { email: given, "password-file": file }) {
    const tokenFile = context.globals["token-file"];
    if (tokenFile !== undefined) {
      if (given !== undefined || file !== undefined) {
        throw usageError(
          "--token-file is a credential of its own: it takes no --email and no --password-file",
        );
      }
      return keepToken(context, await context.secrets.token(tokenFile));
    }
    const email = given ?? (await context.ask("E-mail address"));
    const password =
      file === undefined ? await context.askSecret("Password") : await context.secrets.password(file);
    context.credentials.requireWritable();
    const { sessions } = await context.clientWith();
    const { token, accounts } = await uninterrupted(context, { outcome: keptAs(email) }, async () => {
      const response = await sessions.logIn({ email, password });
      keep(context, response.token, context.globals.account);
      return response;
    });
    const account = context.globals.account ?? (await chooseAccount(context, accounts));
    keep(context, token, account);
    context.out.note(`logged in as ${email} at ${context.url()}`);
    if (account === undefined)
      context.out.note("choose an account with --account or `latchkey account switch`");
  },
});

const logout = command({
  path: ["logout"],
  summary: "end the session, and forget the credential",
  description: "Ends the session at the server. The token of an API key is only forgotten, and stays valid.",
  examples: [{ text: "Log out at the server of the last login.", command: "latchkey logout" }],
  rpcs: ["SessionService.LogOut"],
  async run(context) {
    const kept = context.credentials.get(context.url());
    if (!kept) throw failureOf(`no credential for ${context.url()}`);
    const { parseTokenOfAnyPrefix } = await import("../../domain/kernel/token.ts");
    if (parseTokenOfAnyPrefix(kept.token)?.kind === "ses") await endSession(context, kept.token);
    context.credentials.remove(context.url());
    context.out.note(`logged out of ${context.url()}`);
  },
});

const whoami = command({
  path: ["whoami"],
  summary: "show the caller and what it may do",
  examples: [
    { text: "Show the caller.", command: "latchkey whoami" },
    { text: "Show what a key may do.", command: "latchkey whoami --token-file TOKEN_FILE" },
    { text: "The same for a program.", command: "latchkey whoami --json" },
  ],
  rpcs: ["ProfileService.WhoAmI"],
  async run(context) {
    const { profiles } = await context.client();
    await showPrincipal(context, await profiles.whoAmI({}));
  },
});

/** The commands about the credential of the caller. */
export const loginCommands = [signUp, login, logout, whoami];

const keptAs = (email: string) => () => `the session is kept, so ${email} is logged in`;

function keep(context: Context, token: string, account: string | undefined): void {
  context.credentials.set(context.url(), { token, account, ca: context.caFile() });
}

async function keepToken(context: Context, token: string): Promise<void> {
  const client = await context.clientWith(token);
  const { principal } = await client.profiles.whoAmI({});
  keep(context, token, context.globals.account);
  context.out.note(`logged in with ${principal?.keyId || "a session"} at ${context.url()}`);
}

/** Returns the account to act in: the only one, or the one that the person chooses. */
async function chooseAccount(context: Context, accounts: readonly Account[]): Promise<string | undefined> {
  const [first] = accounts;
  if (accounts.length <= 1) return first?.metadata?.id;
  if (!context.isInteractive) return undefined;
  for (const [index, { metadata }] of accounts.entries()) {
    context.out.note(`${index + 1}  ${metadata?.name}  ${metadata?.id}`);
  }
  const answer = await context.ask("Number of the account to act in", "1");
  const chosen = /^\d{1,3}$/.test(answer) ? accounts[Number(answer) - 1] : undefined;
  if (!chosen) throw failureOf(`expected a number from 1 to ${accounts.length}`);
  return chosen.metadata?.id;
}

// A session that has ended already is no reason to keep its token.
async function endSession(context: Context, token: string): Promise<void> {
  const { sessions } = await context.clientWith(token);
  try {
    await sessions.logOut({});
  } catch (error) {
    const { isLatchkeyError } = await import("../failure.ts");
    if (!isLatchkeyError(error) || !error.reason.endsWith("_SESSION")) throw error;
  }
}

async function showPrincipal(context: Context, response: WhoAmIResponse): Promise<void> {
  const { PrincipalKind } = await import("../../../gen/latchkey/v1/principal_pb.ts");
  const { Environment, WorkspaceScope } = await import("../../../gen/latchkey/v1/api_key_pb.ts");
  const { profile, principal } = response;
  if (!principal) throw failureOf("the server sent no principal");
  const isEverywhere = principal.workspaceScope === WorkspaceScope.ALL;
  await context.out.item({
    message: response,
    id: principal.keyId || principal.userId || profile?.metadata?.id || "",
    fields: [
      ["server", context.url()],
      ["account", principal.accountId],
      ["kind", wordOf(PrincipalKind, principal.kind)],
      ["user", principal.userId],
      ["name", profile?.spec?.name ?? ""],
      ["e-mail", profile?.spec?.email ?? ""],
      ["key", principal.keyId],
      ["key name", principal.keyName],
      ["labels", labelsText(principal.keyLabels)],
      ["profile", profile?.metadata?.id ?? ""],
      ["environment", wordOf(Environment, principal.environment)],
      ["expires", timeText(response.endsAt)],
      ["permissions", principal.permissions.join(" ") || "none"],
      ["workspaces", isEverywhere ? "all" : principal.workspaceIds.join(" ") || "none"],
      ["entitlements", principal.entitlements.join(" ")],
    ],
  });
}
