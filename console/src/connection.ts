import type { Transport } from "@connectrpc/connect";
import { MutationCache, QueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { createChosenAccount } from "./accounts.ts";
import { currentUser } from "./current-user.ts";
import { createPlatform, type Platform } from "./platform.ts";
import { createReach, type Reach } from "./reach.ts";
import { createRenewal, type Renewal } from "./renewal.ts";
import { inSessionTurn } from "./session-turn.ts";
import { createStore, type Store } from "./store.ts";
import { createTabs, type Tabs } from "./tabs.ts";
import { createConsoleTransport } from "./transport.ts";

/** The page's connection to its server, and what belongs to it. */
export interface Connection {
  transport: Transport;
  queries: QueryClient;
  /** The account that this tab acts in. */
  account: Store<string | undefined>;
  /** The id of the signed-in user. */
  user: Store<string | undefined>;
  reach: Reach;
  renewal: Renewal;
  /** Repeats the waiting calls if there is a session of the same user. For another user, it loads the page again. */
  resume(): Promise<void>;
  tabs: Tabs;
  platform: Platform;
}

/** Connects the page to the server that it came from. */
export function createConnection(): Connection {
  const tabs = createTabs();
  const account = createChosenAccount();
  const user = createStore<string | undefined>(undefined);
  const renewal = createRenewal();
  const reach = createReach(async (signal) => (await fetch("/readyz", { signal, cache: "no-store" })).ok);
  const queries = createQueries(() => tabs.tell("changed"));
  const platform = createPlatform();
  const probe = createConsoleTransport({ account: account.get });
  // Returns whether the cookie is of a session of this user.
  async function isBack(userId: string | undefined): Promise<boolean> {
    const id = await currentUser(probe);
    if (id === undefined || id === userId) return id !== undefined;
    // The page shows what the user of the old session may see.
    location.reload();
    return new Promise(() => undefined);
  }
  // A refusal may be older than the cookie: a log-in or a new password may be under way or done, also in another tab. So each
  // call asks whose session there is before it is made again.
  async function nextSession(userId: string, signal: AbortSignal): Promise<void> {
    const find = () =>
      inSessionTurn("shared", async () => ({
        session: (await isBack(userId)) ? undefined : renewal.wait(signal),
      }));
    for (let next = await find(); next.session; next = await find()) await next.session;
  }
  const transport = createConsoleTransport({
    account: () => (platform.key.get() === undefined ? account.get() : platform.tenant.get()?.id),
    bearer: platform.key.get,
    reach,
    // Only a user has a session that a log-in renews. The first calls of a page are sent before it knows its user.
    renewal({ signal }) {
      const sender = user.get();
      return () => {
        const userId = sender ?? user.get();
        const isUser = userId !== undefined && platform.key.get() === undefined;
        return isUser ? nextSession(userId, signal) : undefined;
      };
    },
    // The permissions of the user have changed: controls that are refused now disappear.
    onDenied: () => void queries.invalidateQueries({ queryKey: sessionKey }),
  });
  for (const identity of [account, platform.key, platform.tenant]) identity.subscribe(() => forget(queries));
  const resume = async () => void ((await isBack(user.get())) && renewal.renewed());
  return { transport, queries, account, user, reach, renewal, resume, tabs, platform };
}

/** The key of the query for the session. */
export const sessionKey = ["session"];

// The requests of two accounts are equal, so what was loaded for one of them must not be shown for the other.
function forget(queries: QueryClient): void {
  const kept = ["page", ...sessionKey];
  queries.removeQueries({ predicate: ({ queryKey }) => !kept.includes(String(queryKey[0])) });
}

/** Returns a cache of queries. A successful change makes every query load again: here, and by `onChange` in other tabs. */
export function createQueries(onChange: () => void): QueryClient {
  const queries: QueryClient = new QueryClient({
    mutationCache: new MutationCache({
      onSuccess: async () => {
        onChange();
        await queries.invalidateQueries();
      },
    }),
    defaultOptions: {
      // The transport retries calls itself. A list of 10,000 keys leaves memory soon after its page is gone.
      queries: { retry: false, staleTime: 10_000, gcTime: 30_000, networkMode: "always" },
      mutations: { retry: false, networkMode: "always" },
    },
  });
  return queries;
}

/** The connection of the page. */
export const ConnectionContext = createContext<Connection | undefined>(undefined);

/** Returns the connection of the page. */
export function useConnection(): Connection {
  const connection = useContext(ConnectionContext);
  if (!connection) throw new Error("this component needs a ConnectionContext around it");
  return connection;
}
