import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { newPassword } from "../new-password.ts";

const passwordFile = {
  value: "FILE",
  summary: "file with the password; without it, the terminal asks",
} as const;
const newPasswordFile = {
  value: "FILE",
  summary: "file with the new password; without it, the terminal asks twice",
} as const;
const mailTokenFile = {
  value: "FILE",
  summary: "file with the token of the mail; without it, the terminal asks",
} as const;

const changePassword = command({
  path: ["user", "change-password"],
  summary: "change the password, and end all other sessions",
  options: { "password-file": passwordFile, "new-password-file": newPasswordFile },
  examples: [
    {
      text: "Change the password without a terminal.",
      command:
        "latchkey user change-password --password-file PASSWORD_FILE --new-password-file PASSWORD_FILE",
    },
  ],
  rpcs: ["SessionService.ChangePassword"],
  async run(context, input) {
    const oldPassword = await currentPassword(context, input["password-file"], "Current password");
    const chosen = await newPassword(context, input["new-password-file"], "New password");
    const { sessions } = await context.client();
    const response = await sessions.changePassword({ oldPassword, newPassword: chosen });
    context.out.note("changed the password, and ended all other sessions");
    await context.out.item({ message: response, id: "", fields: [] });
  },
});

const requestReset = command({
  path: ["user", "request-reset"],
  summary: "mail a token for a new password, if the address has a user",
  arguments: [{ name: "email", summary: "e-mail address" }],
  examples: [{ text: "Ask for a token.", command: "latchkey user request-reset EMAIL" }],
  rpcs: ["SessionService.RequestPasswordReset"],
  async run(context, { email }) {
    const { sessions } = await context.clientWith();
    const response = await sessions.requestPasswordReset({ email });
    context.out.note(
      `if ${email} has a user, the server mails a token; use it with \`latchkey user reset-password\``,
    );
    await context.out.item({ message: response, id: "", fields: [] });
  },
});

const resetPassword = command({
  path: ["user", "reset-password"],
  summary: "set a new password with a mailed token, and end all sessions",
  options: { "mail-token-file": mailTokenFile, "new-password-file": newPasswordFile },
  examples: [
    {
      text: "Set a new password without a terminal.",
      command:
        "latchkey user reset-password --mail-token-file RESET_TOKEN_FILE --new-password-file PASSWORD_FILE",
    },
  ],
  rpcs: ["SessionService.ResetPassword"],
  async run(context, input) {
    const token = await mailToken(context, input["mail-token-file"]);
    const password = await newPassword(context, input["new-password-file"], "New password");
    const { sessions } = await context.clientWith();
    const response = await sessions.resetPassword({ token, password });
    context.out.note("set the new password; log in with `latchkey login`");
    await context.out.item({ message: response, id: "", fields: [] });
  },
});

const changeEmail = command({
  path: ["user", "change-email"],
  summary: "mail a token to a new e-mail address",
  description:
    "The address changes when `latchkey user prove-email` gets the token that the server mails to it.",
  arguments: [{ name: "email", summary: "new e-mail address" }],
  options: { "password-file": passwordFile },
  examples: [
    {
      text: "Ask for a token at the new address.",
      command: "latchkey user change-email NEW_EMAIL --password-file PASSWORD_FILE",
    },
  ],
  rpcs: ["SessionService.ChangeEmail"],
  async run(context, { email, ...input }) {
    const password = await currentPassword(context, input["password-file"]);
    const { sessions } = await context.client();
    const response = await sessions.changeEmail({ email, password });
    context.out.note(`the server mails a token to ${email}; use it with \`latchkey user prove-email\``);
    await context.out.item({ message: response, id: "", fields: [] });
  },
});

const proveEmail = command({
  path: ["user", "prove-email"],
  summary: "prove an e-mail address with the token that was mailed to it",
  options: { "mail-token-file": mailTokenFile },
  examples: [
    { text: "Prove an address.", command: "latchkey user prove-email --mail-token-file EMAIL_TOKEN_FILE" },
  ],
  rpcs: ["SessionService.ProveEmail"],
  async run(context, input) {
    const token = await mailToken(context, input["mail-token-file"]);
    const { sessions } = await context.clientWith();
    const response = await sessions.proveEmail({ token });
    context.out.note("the e-mail address is proven");
    await context.out.item({ message: response, id: "", fields: [] });
  },
});

const remove = command({
  path: ["user", "delete"],
  summary: "erase the signed-in user",
  description:
    "Erases the name, e-mail address, password and sessions of the user. It fails if the user is the last owner of an account.",
  options: { "password-file": passwordFile, yes },
  examples: [
    {
      text: "Erase a user that owns no account alone.",
      command: "latchkey user delete --password-file PASSWORD_FILE --yes --token-file MEMBER_TOKEN_FILE",
    },
  ],
  rpcs: ["SessionService.DeleteUser"],
  async run(context, { yes: confirmed, ...input }) {
    await context.confirm("Erase this user? This cannot be undone", { yes: confirmed });
    const password = await currentPassword(context, input["password-file"]);
    const { sessions } = await context.client();
    const response = await sessions.deleteUser({ password });
    context.out.note("erased the user");
    await context.out.item({ message: response, id: "", fields: [] });
  },
});

/** The commands about the signed-in user: password, e-mail address and deletion. */
export const userCommands = [changePassword, requestReset, resetPassword, changeEmail, proveEmail, remove];

async function currentPassword(context: Context, file: string | undefined, question = "Password") {
  return file === undefined ? context.askSecret(question) : context.secrets.password(file);
}

async function mailToken(context: Context, file: string | undefined): Promise<string> {
  return file === undefined ? context.askSecret("Token of the mail") : context.secrets.one(file);
}
