import { createContext, useContext } from "react";
import { implies } from "../../src/domain/access/permission-grammar.ts";
import type { Account } from "../gen/latchkey/v1/account_pb.ts";
import type { Principal } from "../gen/latchkey/v1/principal_pb.ts";
import type { Profile } from "../gen/latchkey/v1/profile_pb.ts";

/** The identity that a page acts as. It comes from a cookie, or from a token that an embedding page gave. */
export interface Session {
  profile: Profile;
  principal: Principal;
  accountId: string;
  /** The accounts that the user belongs to. Empty for an embedded page. */
  accounts: readonly Account[];
  /** Returns whether the principal holds a permission. A page offers only what the server would accept. */
  can(permission: string): boolean;
  /** Whether the session is a key of the platform account in that account, which may call the RPCs of the platform. */
  platform: boolean;
}

/** What the session depends on of the response of WhoAmI. */
interface Who {
  profile?: Profile | undefined;
  principal?: Principal | undefined;
  platform?: boolean;
}

/** Returns the session of a principal. */
export function sessionOf(
  { profile, principal, platform = false }: Who,
  accounts: readonly Account[] = [],
): Session {
  if (!profile || !principal) throw new Error("the response of WhoAmI has no profile or no principal");
  const { accountId, permissions } = principal;
  const can = (wanted: string) => permissions.some((held) => implies(held, wanted));
  return { profile, principal, accountId, accounts, can, platform };
}

/** The session of the page. */
export const SessionContext = createContext<Session | undefined>(undefined);

/** Returns the session of the page. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("this component needs a SessionContext around it");
  return session;
}
