import { useQuery } from "@connectrpc/connect-query";
import type { Team } from "../../../gen/latchkey/v1/team_pb.ts";
import { TeamService } from "../../../gen/latchkey/v1/team_service_pb.ts";
import { useSession } from "../../session.ts";

/** Returns the teams of the account, as far as the user may read them, and the name of a team by its id. */
export function useTeams(): { all: readonly Team[]; loaded: boolean; nameOf(id: string): string } {
  const { can } = useSession();
  const request = { limit: 200, sortOrder: "asc" };
  const { data } = useQuery(TeamService.method.listTeams, request, { enabled: can("teams:read") });
  const all = data?.items ?? [];
  const names = new Map(all.map(({ metadata }) => [metadata?.id, metadata?.name]));
  return { all, loaded: data !== undefined, nameOf: (id) => names.get(id) ?? id };
}
