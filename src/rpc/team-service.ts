import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TeamSchema } from "../../gen/latchkey/v1/team_pb.ts";
import {
  type TeamService,
  type UpdateTeamRequest,
  UpdateTeamRequestSchema,
} from "../../gen/latchkey/v1/team_service_pb.ts";
import type { Store } from "../db/connect.ts";
import { etagOf } from "../domain/kernel/list.ts";
import type { AccessDeps } from "../domain/role/change.ts";
import { deleteTeam } from "../domain/team/delete.ts";
import { addTeamMember, listTeamMembers, removeTeamMember } from "../domain/team/member.ts";
import {
  createTeam,
  getTeam,
  listTeams,
  type Team,
  type TeamUpdate,
  updateTeam,
} from "../domain/team/team.ts";
import { changeable } from "./changeable.ts";
import { metadataMessage, profileMessage } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";
import { commonFields, commonUpdate } from "./resource-request.ts";
import { changedFields } from "./update-mask.ts";

/** `TeamService`: the teams of an account, which are groups of profiles with roles. */
export function teamService(db: Store, deps: AccessDeps): Operations<typeof TeamService> {
  return {
    async createTeam(request, context) {
      const roles = request.spec?.roles ?? [];
      return {
        team: message(await createTeam(db, callerOf(context), deps, { ...commonFields(request), roles })),
      };
    },
    async listTeams(request, context) {
      const { items, nextCursor } = await listTeams(db, callerOf(context), request);
      return { items: items.map((team) => message(team, request.includeInfo)), pagination: { nextCursor } };
    },
    async getTeam({ id }, context) {
      return { team: message(await getTeam(db, callerOf(context), id)) };
    },
    async updateTeam(request, context) {
      return { team: message(await updateTeam(db, callerOf(context), deps, update(request))) };
    },
    async deleteTeam(request, context) {
      await deleteTeam(db, callerOf(context), deps, request);
      return {};
    },
    async listTeamMembers(request, context) {
      const caller = callerOf(context);
      const { items, nextCursor } = await listTeamMembers(db, caller, request.id, request);
      return { items: items.map((one) => profileMessage(caller.accountId, one)), pagination: { nextCursor } };
    },
    async addTeamMember(request, context) {
      const caller = callerOf(context);
      return { profile: profileMessage(caller.accountId, await addTeamMember(db, caller, deps, request)) };
    },
    async removeTeamMember(request, context) {
      await removeTeamMember(db, callerOf(context), request);
      return {};
    },
  };
}

function update(request: UpdateTeamRequest): TeamUpdate {
  const changes = changedFields(
    UpdateTeamRequestSchema,
    request,
    request.updateMask,
    changeable.UpdateTeamRequest,
  );
  return {
    ...commonUpdate(request, changes),
    ...(changes("spec.roles") && { roles: request.spec?.roles ?? [] }),
  };
}

function message(team: Team, info = true): MessageInitShape<typeof TeamSchema> {
  return {
    metadata: metadataMessage(team),
    spec: { description: team.description, roles: team.roles },
    ...(info && { info: { membersTotal: team.members, serviceAccountsTotal: team.serviceAccounts } }),
    etag: etagOf(team.version),
  };
}
