import type { Profile } from "../../../gen/latchkey/v1/profile_pb.ts";
import type { Team } from "../../../gen/latchkey/v1/team_pb.ts";
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

const teamId = { name: "team_id", summary: "id of the team" } as const;
const profileId = { name: "profile_id", summary: "id of the person's profile" } as const;

const list = command({
  path: ["team", "list"],
  summary: "list the teams of the account",
  options: { ...listOptions, ...filterOptions },
  examples: [{ text: "List the teams.", command: "latchkey team list" }],
  rpcs: ["TeamService.ListTeams"],
  async run(context, input) {
    const { teams } = await context.client();
    const filter = { ...filterOf(input), includeInfo: true };
    const message = await readPages(context.out, input, (page) => teams.listTeams({ ...filter, ...page }));
    const { id, name, labels } = metadataColumns<Team>();
    await context.out.list<Team>({
      message,
      items: message.items,
      id: idOf,
      empty: "no teams",
      columns: [
        id,
        name,
        { title: "people", value: ({ info }) => String(info?.membersTotal ?? "") },
        {
          title: "service accounts",
          whole: true,
          extra: true,
          value: ({ info }) => String(info?.serviceAccountsTotal ?? ""),
        },
        { title: "roles", whole: true, extra: true, value: ({ spec }) => (spec?.roles ?? []).join(" ") },
        labels,
      ],
    });
  },
});

const get = command({
  path: ["team", "get"],
  summary: "show a team",
  arguments: [teamId],
  examples: [{ text: "Show a team.", command: "latchkey team get TEAM_ID" }],
  rpcs: ["TeamService.GetTeam"],
  async run(context, { team_id: id }) {
    const { teams } = await context.client();
    await show(context, (await teams.getTeam({ id })).team);
  },
});

const create = command({
  path: ["team", "create"],
  summary: "make a team",
  options: {
    name: newName,
    ...metadataOptions,
    role: { value: "ROLE", many: true, summary: "name or id of a role that the members hold" },
  },
  examples: [
    { text: "Make a team of developers.", command: "latchkey team create --name Backend --role developer" },
  ],
  rpcs: ["TeamService.CreateTeam"],
  async run(context, { name, role, ...input }) {
    const { teams } = await context.client();
    const { team } = await teams.createTeam({
      metadata: metadataOf(name, input),
      spec: { description: input.description ?? "", roles: [...role] },
      requestId: newRequestId(),
    });
    await show(context, team);
  },
});

const update = command({
  path: ["team", "update"],
  summary: "change a team, and what its members may do",
  arguments: [teamId],
  options: {
    ...changeOptions,
    role: { value: "ROLE", many: true, summary: "name or id of a role; the roles replace all earlier ones" },
    clear: { ...changeOptions.clear, choices: [...clearable, "roles"] },
  },
  examples: [
    { text: "Give the members the role viewer only.", command: "latchkey team update TEAM_ID --role viewer" },
    { text: "Take all roles away.", command: "latchkey team update TEAM_ID --clear roles" },
  ],
  rpcs: ["TeamService.UpdateTeam"],
  async run(context, { team_id: id, role, ...input }) {
    const { spec, ...change } = changeOf(input, [
      (role.length > 0 || input.clear.includes("roles")) && "spec.roles",
    ]);
    const { teams } = await context.client();
    const { team } = await teams.updateTeam({ id, ...change, spec: { ...spec, roles: [...role] } });
    await show(context, team);
  },
});

const remove = command({
  path: ["team", "delete"],
  summary: "delete a team",
  arguments: [teamId],
  options: {
    replacement: { value: "TEAM_ID", summary: "team that the service accounts move to" },
    yes,
  },
  examples: [
    { text: "Delete a team without service accounts.", command: "latchkey team delete TEAM_ID --yes" },
    {
      text: "Move its service accounts to another team.",
      command: "latchkey team delete TEAM_ID --replacement OTHER_TEAM_ID --yes",
    },
  ],
  rpcs: ["TeamService.DeleteTeam"],
  async run(context, { team_id: id, replacement = "", yes: confirmed }) {
    await context.confirm(`Delete ${id}? Its members lose its roles`, { yes: confirmed });
    const { teams } = await context.client();
    const response = await teams.deleteTeam({ id, replacement });
    context.out.note(`deleted ${id}`);
    await context.out.item({ message: response, id, fields: [] });
  },
});

const members = command({
  path: ["team", "members"],
  summary: "list the people in a team",
  arguments: [teamId],
  options: listOptions,
  examples: [{ text: "List the people in a team.", command: "latchkey team members TEAM_ID" }],
  rpcs: ["TeamService.ListTeamMembers"],
  async run(context, { team_id: id, sort = "", ...input }) {
    const { teams } = await context.client();
    const message = await readPages(context.out, input, (page) =>
      teams.listTeamMembers({ id, sortOrder: sort, ...page }),
    );
    await context.out.list<Profile>({
      message,
      items: message.items,
      id: idOf,
      empty: "no people",
      columns: [
        { title: "id", value: idOf },
        { title: "name", value: ({ spec }) => spec?.name ?? "" },
        { title: "e-mail", value: ({ spec }) => spec?.email ?? "" },
      ],
    });
  },
});

const addMember = command({
  path: ["team", "add-member"],
  summary: "add a person to a team",
  arguments: [teamId, profileId],
  examples: [{ text: "Add a person to a team.", command: "latchkey team add-member TEAM_ID MEMBER_ID" }],
  rpcs: ["TeamService.AddTeamMember"],
  async run(context, { team_id: id, profile_id: profileId }) {
    const { teams } = await context.client();
    const response = await teams.addTeamMember({ id, profileId });
    const name = response.profile?.spec?.name ?? "";
    await context.out.item({
      message: response.profile ?? response,
      id: profileId,
      fields: [
        ["id", profileId],
        ["name", name],
      ],
    });
  },
});

const removeMember = command({
  path: ["team", "remove-member"],
  summary: "remove a person from a team",
  arguments: [teamId, profileId],
  options: { yes },
  examples: [
    { text: "Remove a person from a team.", command: "latchkey team remove-member TEAM_ID MEMBER_ID --yes" },
  ],
  rpcs: ["TeamService.RemoveTeamMember"],
  async run(context, { team_id: id, profile_id: profileId, yes: confirmed }) {
    await context.confirm(`Remove ${profileId} from ${id}?`, { yes: confirmed });
    const { teams } = await context.client();
    const response = await teams.removeTeamMember({ id, profileId });
    context.out.note(`removed ${profileId} from ${id}`);
    await context.out.item({ message: response, id: profileId, fields: [] });
  },
});

/** The commands about teams and the people in them. */
export const teamCommands = [list, get, create, update, remove, members, addMember, removeMember];

async function show(context: Context, team: Team | undefined): Promise<void> {
  if (!team) throw failureOf("the server sent no team");
  const { metadata, spec, etag } = team;
  await context.out.item({
    message: team,
    id: idOf(team),
    fields: [
      ...metadataFields(metadata),
      ["description", spec?.description ?? ""],
      ["roles", (spec?.roles ?? []).join(" ")],
      ["etag", etag],
    ],
  });
}
