import { useQuery } from "@connectrpc/connect-query";
import { PrincipalKind } from "../../../gen/latchkey/v1/principal_pb.ts";
import { ProfileService } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { useSession } from "../../session.ts";

/** Returns whether the user is an owner of the account. Only owners decide about the system key. */
export function useIsOwner(): boolean {
  const { principal, profile, can } = useSession();
  const enabled = principal.kind === PrincipalKind.USER && can("*");
  const { data } = useQuery(
    ProfileService.method.getProfile,
    { id: profile.metadata?.id ?? "" },
    { enabled },
  );
  return data?.profile?.info?.role === "owner";
}
