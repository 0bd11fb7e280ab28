import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import { command } from "../command.ts";
import { yes } from "../definition.ts";
import { failureOf } from "../failure.ts";
import { listOptions, readPages } from "../lists.ts";
import {
  changeOf,
  changeOptions,
  filterOf,
  filterOptions,
  idOf,
  metadataOf,
  metadataOptions,
  newName,
  newRequestId,
} from "../metadata.ts";
import { accountTable, showAccount } from "../show-account.ts";

const list = command({
  path: ["account", "list"],
  summary: "list the accounts of the signed-in user",
  options: { ...listOptions, ...filterOptions },
  examples: [{ text: "List the accounts.", command: "latchkey account list" }],
  rpcs: ["AccountService.ListAccounts"],
  async run(context, input) {
    const { accounts } = await context.client();
    const filter = filterOf(input);
    const message = await readPages(context.out, input, (page) =>
      accounts.listAccounts({ ...filter, ...page }),
    );
    await context.out.list<Account>(await accountTable(message));
  },
});

const get = command({
  path: ["account", "get"],
  summary: "show the account that the caller acts in",
  examples: [{ text: "Show the account.", command: "latchkey account get" }],
  rpcs: ["AccountService.GetAccount"],
  async run(context) {
    const { accounts } = await context.client();
    await showAccount(context, (await accounts.getAccount({})).account);
  },
});

const create = command({
  path: ["account", "create"],
  summary: "make a further account of the signed-in user",
  options: { name: newName, ...metadataOptions },
  examples: [{ text: "Make an account.", command: "latchkey account create --name Laboratory" }],
  rpcs: ["AccountService.CreateAccount"],
  async run(context, { name, ...input }) {
    const { accounts } = await context.client();
    const { account } = await accounts.createAccount({
      metadata: metadataOf(name, input),
      spec: { description: input.description ?? "" },
      requestId: newRequestId(),
    });
    context.out.note("act in it with --account, or choose it with `latchkey account switch`");
    await showAccount(context, account);
  },
});

const update = command({
  path: ["account", "update"],
  summary: "change the account that the caller acts in",
  options: changeOptions,
  examples: [{ text: "Rename the account.", command: "latchkey account update --name 'Acme Europe'" }],
  rpcs: ["AccountService.UpdateAccount"],
  async run(context, input) {
    const change = changeOf(input);
    const { accounts } = await context.client();
    await showAccount(context, (await accounts.updateAccount(change)).account);
  },
});

const remove = command({
  path: ["account", "delete"],
  summary: "delete the account that the caller acts in",
  description:
    "Deletes an account, which ends all of its credentials at once. The platform can resume it until its waiting period is over. Only an owner may do this.",
  arguments: [{ name: "name", summary: "name of the account, which protects from a deletion by mistake" }],
  options: { yes },
  examples: [
    {
      text: "Delete one of several accounts.",
      command: "latchkey account delete OTHER_ACCOUNT_NAME --account OTHER_ACCOUNT_ID --yes",
    },
  ],
  rpcs: ["AccountService.DeleteAccount"],
  async run(context, { name, yes: confirmed }) {
    await context.confirm(`Delete the account "${name}", and end all of its keys?`, { yes: confirmed });
    const { accounts } = await context.client();
    await showAccount(context, (await accounts.deleteAccount({ name })).account);
  },
});

const switchAccount = command({
  path: ["account", "switch"],
  summary: "choose the account that later commands act in",
  description: "Keeps the choice in the credential file. --account overrides it for one command.",
  arguments: [
    { name: "account_id", summary: "id of the account; without it, the terminal asks", optional: true },
  ],
  examples: [{ text: "Choose an account.", command: "latchkey account switch ACCOUNT_ID" }],
  rpcs: ["AccountService.ListAccounts"],
  async run(context, { account_id: given }) {
    const url = context.url();
    const kept = context.credentials.get(url);
    if (!kept) throw failureOf(`no credential for ${url}; run \`latchkey login\``);
    const { accounts } = await context.clientWith(kept.token);
    const { items } = await readPages(context.out, { limit: undefined, all: true }, (page) =>
      accounts.listAccounts(page),
    );
    const wanted = given ?? (await choose(context, items));
    const account = items.find((one) => idOf(one) === wanted);
    if (!account) throw failureOf(`${wanted} is not an account of this user; run \`latchkey account list\``);
    context.credentials.set(url, { ...kept, account: wanted });
    context.out.note(`later commands act in ${account.metadata?.name}`);
    await showAccount(context, account);
  },
});

async function choose(
  context: { ask(question: string, byDefault?: string): Promise<string>; out: { note(text: string): void } },
  items: readonly Account[],
): Promise<string> {
  for (const [index, { metadata }] of items.entries())
    context.out.note(`${index + 1}  ${metadata?.name}  ${metadata?.id}`);
  const answer = await context.ask("Number of the account to act in", "1");
  const chosen = /^\d{1,4}$/.test(answer) ? items[Number(answer) - 1] : undefined;
  if (!chosen) throw failureOf(`expected a number from 1 to ${items.length}`);
  return idOf(chosen);
}

/** The commands about the caller's own accounts. */
export const accountCommands = [list, get, create, update, remove, switchAccount];
