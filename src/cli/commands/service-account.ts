import type { ServiceAccount } from "../../../gen/latchkey/v1/service_account_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf } from "../failure.ts";
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

const accountId = { name: "service_account_id", summary: "id of the service account" } as const;

const list = command({
  path: ["service-account", "list"],
  summary: "list the service accounts of the account",
  options: { ...listOptions, ...filterOptions },
  examples: [{ text: "List the service accounts.", command: "latchkey service-account list" }],
  rpcs: ["ServiceAccountService.ListServiceAccounts"],
  async run(context, input) {
    const { serviceAccounts } = await context.client();
    const filter = { ...filterOf(input), includeInfo: true };
    const message = await readPages(context.out, input, (page) =>
      serviceAccounts.listServiceAccounts({ ...filter, ...page }),
    );
    const { id, name, labels } = metadataColumns<ServiceAccount>();
    await context.out.list<ServiceAccount>({
      message,
      items: message.items,
      id: idOf,
      empty: "no service accounts",
      columns: [
        id,
        name,
        { title: "team", whole: true, extra: true, value: ({ spec }) => spec?.teamId ?? "" },
        { title: "live keys", whole: true, value: ({ info }) => String(info?.apiKeysTotal ?? "") },
        labels,
      ],
    });
  },
});

const get = command({
  path: ["service-account", "get"],
  summary: "show a service account",
  arguments: [accountId],
  examples: [{ text: "Show a service account.", command: "latchkey service-account get SERVICE_ACCOUNT_ID" }],
  rpcs: ["ServiceAccountService.GetServiceAccount"],
  async run(context, { service_account_id: id }) {
    const { serviceAccounts } = await context.client();
    await show(context, (await serviceAccounts.getServiceAccount({ id })).serviceAccount);
  },
});

const create = command({
  path: ["service-account", "create"],
  summary: "make a service account in a team",
  options: {
    name: newName,
    ...metadataOptions,
    team: { value: "TEAM_ID", required: true, summary: "team whose roles it holds" },
  },
  examples: [
    {
      text: "Make a service account.",
      command: "latchkey service-account create --name deploy --team TEAM_ID",
    },
  ],
  rpcs: ["ServiceAccountService.CreateServiceAccount"],
  async run(context, { name, team, ...input }) {
    const { serviceAccounts } = await context.client();
    const { serviceAccount } = await serviceAccounts.createServiceAccount({
      metadata: metadataOf(name, input),
      spec: { description: input.description ?? "", teamId: team },
      requestId: newRequestId(),
    });
    await show(context, serviceAccount);
  },
});

const update = command({
  path: ["service-account", "update"],
  summary: "change a service account, or move it to another team",
  arguments: [accountId],
  options: { ...changeOptions, team: { value: "TEAM_ID", summary: "team that it moves to" } },
  examples: [
    {
      text: "Move a service account to another team.",
      command: "latchkey service-account update SERVICE_ACCOUNT_ID --team TEAM_ID",
    },
  ],
  rpcs: ["ServiceAccountService.UpdateServiceAccount"],
  async run(context, { service_account_id: id, team, ...input }) {
    const { spec, ...change } = changeOf(input, [team !== undefined && "spec.team_id"]);
    const { serviceAccounts } = await context.client();
    const request = { id, ...change, spec: { ...spec, teamId: team ?? "" } };
    const { serviceAccount } = await serviceAccounts.updateServiceAccount(request);
    await show(context, serviceAccount);
  },
});

const remove = command({
  path: ["service-account", "delete"],
  summary: "delete a service account, and revoke its keys",
  arguments: [accountId],
  options: { yes },
  examples: [
    {
      text: "Delete a service account.",
      command: "latchkey service-account delete SERVICE_ACCOUNT_ID --yes",
    },
  ],
  rpcs: ["ServiceAccountService.DeleteServiceAccount"],
  async run(context, { service_account_id: id, yes: confirmed }) {
    await context.confirm(`Delete ${id}, and revoke its keys permanently?`, { yes: confirmed });
    const { serviceAccounts } = await context.client();
    const response = await serviceAccounts.deleteServiceAccount({ id });
    context.out.note(`deleted ${id}`);
    await context.out.item({ message: response, id, fields: [] });
  },
});

/** The commands about service accounts. */
export const serviceAccountCommands = [list, get, create, update, remove];

async function show(context: Context, serviceAccount: ServiceAccount | undefined): Promise<void> {
  if (!serviceAccount) throw failureOf("the server sent no service account");
  const { metadata, spec, info, etag } = serviceAccount;
  await context.out.item({
    message: serviceAccount,
    id: idOf(serviceAccount),
    fields: [
      ...metadataFields(metadata),
      ["description", spec?.description ?? ""],
      ["team", spec?.teamId ?? ""],
      ["profile", idOf(info?.profile ?? {})],
      ["live keys", info ? String(info.apiKeysTotal) : ""],
      ["etag", etag],
    ],
  });
}
