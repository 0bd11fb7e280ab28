import type { Role } from "../../../gen/latchkey/v1/role_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf } from "../failure.ts";
import { listOptions, readPages } from "../lists.ts";
import {
  changeOf,
  changeOptions,
  clearable,
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

const roleId = { name: "role_id", summary: "id of the role" } as const;

const list = command({
  path: ["role", "list"],
  summary: "list the roles of the account",
  options: { ...listOptions, ...filterOptions },
  examples: [{ text: "List the roles.", command: "latchkey role list" }],
  rpcs: ["RoleService.ListRoles"],
  async run(context, input) {
    const { roles } = await context.client();
    const filter = filterOf(input);
    const message = await readPages(context.out, input, (page) => roles.listRoles({ ...filter, ...page }));
    const { id, name, labels } = metadataColumns<Role>();
    await context.out.list<Role>({
      message,
      items: message.items,
      id: idOf,
      empty: "no roles",
      columns: [
        id,
        name,
        { title: "built in", whole: true, extra: true, value: ({ spec }) => (spec?.builtin ? "yes" : "no") },
        { title: "permissions", value: ({ spec }) => (spec?.permissions ?? []).join(" ") },
        labels,
      ],
    });
  },
});

const get = command({
  path: ["role", "get"],
  summary: "show a role",
  arguments: [roleId],
  examples: [{ text: "Show a role.", command: "latchkey role get ROLE_ID" }],
  rpcs: ["RoleService.GetRole"],
  async run(context, { role_id: id }) {
    const { roles } = await context.client();
    await show(context, (await roles.getRole({ id })).role);
  },
});

const create = command({
  path: ["role", "create"],
  summary: "make a role",
  options: {
    name: newName,
    ...metadataOptions,
    permission: { value: "PERMISSION", many: true, summary: "permission, such as agents:read" },
  },
  examples: [
    {
      text: "Make a role with two permissions.",
      command: "latchkey role create --name deployer --permission agents:write --permission runs:start",
    },
  ],
  rpcs: ["RoleService.CreateRole"],
  async run(context, { name, permission, ...input }) {
    const { roles } = await context.client();
    const { role } = await roles.createRole({
      metadata: metadataOf(name, input),
      spec: { description: input.description ?? "", permissions: [...permission] },
      requestId: newRequestId(),
    });
    await show(context, role);
  },
});

const update = command({
  path: ["role", "update"],
  summary: "change a role, and what its holders may do",
  arguments: [roleId],
  options: {
    ...changeOptions,
    permission: {
      value: "PERMISSION",
      many: true,
      summary: "permission; the permissions replace all earlier ones",
    },
    clear: { ...changeOptions.clear, choices: [...clearable, "permissions"] },
  },
  examples: [
    { text: "Replace the permissions.", command: "latchkey role update ROLE_ID --permission agents:read" },
  ],
  rpcs: ["RoleService.UpdateRole"],
  async run(context, { role_id: id, permission, ...input }) {
    const { spec, ...change } = changeOf(input, [
      (permission.length > 0 || input.clear.includes("permissions")) && "spec.permissions",
    ]);
    const { roles } = await context.client();
    const { role } = await roles.updateRole({
      id,
      ...change,
      spec: { ...spec, permissions: [...permission] },
    });
    await show(context, role);
  },
});

const remove = command({
  path: ["role", "delete"],
  summary: "delete a role",
  arguments: [roleId],
  options: {
    replacement: { value: "ROLE", summary: "name or id of the role that the holders get instead" },
    yes,
  },
  examples: [
    { text: "Delete a role without holders.", command: "latchkey role delete ROLE_ID --yes" },
    {
      text: "Give its holders another role.",
      command: "latchkey role delete ROLE_ID --replacement viewer --yes",
    },
  ],
  rpcs: ["RoleService.DeleteRole"],
  async run(context, { role_id: id, replacement = "", yes: confirmed }) {
    await context.confirm(`Delete ${id}?`, { yes: confirmed });
    const { roles } = await context.client();
    const response = await roles.deleteRole({ id, replacement });
    context.out.note(`deleted ${id}`);
    await context.out.item({ message: response, id, fields: [] });
  },
});

const permissions = command({
  path: ["role", "permissions"],
  summary: "list what a role or a key may be allowed: resources, wildcards and presets",
  examples: [{ text: "List the permissions that the server knows.", command: "latchkey role permissions" }],
  rpcs: ["RoleService.ListPermissions"],
  async run(context) {
    const { roles } = await context.client();
    const message = await roles.listPermissions({});
    const resources = message.resources.map(({ name, verbs, latchkey }) => ({
      permission: `${name}:${verbs.length === 1 ? verbs[0] : `{${verbs.join(",")}}`}`,
      id: name,
      about: latchkey ? "A resource of Latchkey." : "A resource of the platform.",
    }));
    const wildcards = message.wildcards.map(({ permission, description }) => ({
      permission,
      id: permission,
      about: description,
    }));
    const presets = message.presets.map(({ name, description, permissions: list }) => ({
      permission: name,
      id: name,
      about: `${description.replace(/\.$/, "") || "A preset"}: ${list.join(" ")}`,
    }));
    await context.out.list({
      message,
      items: [...resources, ...wildcards, ...presets],
      id: ({ id }) => id,
      empty: "no permissions",
      columns: [
        { title: "permission", value: ({ permission }) => permission },
        { title: "what it is", value: ({ about }) => about },
      ],
    });
    if (!message.onlyKnown) context.out.note("the server accepts other resources and verbs too");
  },
});

/** The commands about roles and permissions. */
export const roleCommands = [list, get, create, update, remove, permissions];

async function show(context: Context, role: Role | undefined): Promise<void> {
  if (!role) throw failureOf("the server sent no role");
  const { metadata, spec, etag } = role;
  await context.out.item({
    message: role,
    id: idOf(role),
    fields: [
      ...metadataFields(metadata),
      ["description", spec?.description ?? ""],
      ["built in", spec?.builtin ? "yes" : ""],
      ["permissions", (spec?.permissions ?? []).join(" ")],
      ["etag", etag],
    ],
  });
}
