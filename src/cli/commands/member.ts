import type { Profile } from "../../../gen/latchkey/v1/profile_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { yes } from "../definition.ts";
import { failureOf } from "../failure.ts";
import { listOptions, readPages } from "../lists.ts";
import { idOf } from "../metadata.ts";
import { timeText, wordOf } from "../text.ts";
import { enumOf } from "../values.ts";

const profileId = { name: "profile_id", summary: "id of the profile" } as const;
const types = ["user", "service-account", "api-key", "system"] as const;

const list = command({
  path: ["member", "list"],
  summary: "list the people and service accounts of the account",
  options: {
    ...listOptions,
    query: { value: "TEXT", summary: "only those whose name or e-mail address contains this text" },
    prefix: { value: "TEXT", summary: "only those whose id begins with this text" },
    type: { value: "TYPE", choices: types, summary: "only profiles of this type" },
  },
  examples: [
    { text: "List the members.", command: "latchkey member list" },
    { text: "Find a person.", command: "latchkey member list --type user --query ada" },
  ],
  rpcs: ["ProfileService.ListProfiles"],
  async run(context, { query = "", prefix = "", type, sort = "", ...input }) {
    const { ProfileType } = await import("../../../gen/latchkey/v1/profile_pb.ts");
    const filter = { query, prefix, type: enumOf(ProfileType, type), sortOrder: sort, includeInfo: true };
    const { profiles } = await context.client();
    const message = await readPages(context.out, input, (page) =>
      profiles.listProfiles({ ...filter, ...page }),
    );
    await context.out.list<Profile>({
      message,
      items: message.items,
      id: idOf,
      empty: "no members",
      columns: [
        { title: "id", value: idOf },
        { title: "name", value: ({ spec }) => spec?.name ?? "" },
        { title: "e-mail", value: ({ spec }) => spec?.email ?? "" },
        {
          title: "type",
          whole: true,
          extra: true,
          value: ({ spec }) => wordOf(ProfileType, spec?.type ?? 0),
        },
        { title: "role", value: ({ info }) => info?.role ?? "" },
        { title: "teams", extra: true, value: ({ info }) => (info?.teamIds ?? []).join(" ") },
      ],
    });
  },
});

const get = command({
  path: ["member", "get"],
  summary: "show a member",
  arguments: [profileId],
  examples: [{ text: "Show a member.", command: "latchkey member get MEMBER_ID" }],
  rpcs: ["ProfileService.GetProfile"],
  async run(context, { profile_id: id }) {
    const { profiles } = await context.client();
    await show(context, (await profiles.getProfile({ id })).profile);
  },
});

const setRole = command({
  path: ["member", "set-role"],
  summary: "give a person another role",
  arguments: [profileId, { name: "role", summary: "name or id of the role" }],
  examples: [{ text: "Make a person an admin.", command: "latchkey member set-role MEMBER_ID admin" }],
  rpcs: ["ProfileService.SetProfileRole"],
  async run(context, { profile_id: id, role }) {
    const { profiles } = await context.client();
    await show(context, (await profiles.setProfileRole({ id, role })).profile);
  },
});

const remove = command({
  path: ["member", "remove"],
  summary: "remove a person from the account, with their developer keys",
  description:
    "Removes a person permanently. Their developer keys and the pending invites that they made end in the same moment. Everything else that they made stays.",
  arguments: [profileId],
  options: { yes },
  examples: [{ text: "Remove a person.", command: "latchkey member remove MEMBER_ID --yes" }],
  rpcs: ["ProfileService.RemoveProfile"],
  async run(context, { profile_id: id, yes: confirmed }) {
    await context.confirm(`Remove ${id} from the account, and revoke their developer keys?`, {
      yes: confirmed,
    });
    const { profiles } = await context.client();
    const response = await profiles.removeProfile({ id });
    context.out.note(`removed ${id}`);
    await context.out.item({ message: response, id, fields: [] });
  },
});

/** The commands about the people and machines of an account. */
export const memberCommands = [list, get, setRole, remove];

async function show(context: Context, profile: Profile | undefined): Promise<void> {
  if (!profile) throw failureOf("the server sent no profile");
  const { ProfileType } = await import("../../../gen/latchkey/v1/profile_pb.ts");
  const { metadata, spec, info } = profile;
  await context.out.item({
    message: profile,
    id: idOf(profile),
    fields: [
      ["id", idOf(profile)],
      ["name", spec?.name ?? ""],
      ["e-mail", spec?.email ?? ""],
      ["type", wordOf(ProfileType, spec?.type ?? 0)],
      ["role", info?.role ?? ""],
      ["teams", (info?.teamIds ?? []).join(" ")],
      ["since", timeText(metadata?.createdAt)],
    ],
  });
}
