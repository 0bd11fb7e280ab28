import { useLocation } from "wouter";
import { useConnection } from "./connection.ts";

/** Returns a function to call after the server gave this browser a session. It shows the page at `next`, if there is one. */
export function useSignedIn(): (next?: string, accountId?: string) => Promise<void> {
  const { queries, tabs, account } = useConnection();
  const [, navigate] = useLocation();
  return async (next, accountId) => {
    if (accountId) account.set(accountId);
    tabs.tell("signed-in");
    // Nothing of an earlier session stays.
    await queries.resetQueries({ predicate: ({ queryKey }) => queryKey[0] !== "page" });
    if (next !== undefined) navigate(next);
  };
}
