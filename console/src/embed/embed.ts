import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { type Connection, createQueries } from "../connection.ts";
import { createPlatform } from "../platform.ts";
import { createReach } from "../reach.ts";
import { createRenewal } from "../renewal.ts";
import { type Session, sessionOf } from "../session.ts";
import { createStore, type Store } from "../store.ts";
import { applyTheme } from "../theme.ts";
import { createConsoleTransport } from "../transport.ts";
import type { TokenReason } from "./messages.ts";
import type { Parent } from "./parent.ts";

/** What the embedded page knows. */
export interface EmbedState {
  /** Undefined until the parent has given a token that the server accepts. */
  session: Session | undefined;
  /** Why the last token of the parent was not used. */
  error: unknown;
}

/** The embedded page: its connection, and the session that its parent gave. */
export interface Embed {
  connection: Connection;
  state: Store<EmbedState>;
}

// The page asks again until the parent answers.
const askAgainMs = 5_000;
// The page asks for the next token this long before the end of a session, or in the middle of a shorter session.
const aheadMs = 60_000;
const shortestWaitMs = 1_000;

/** Connects the embedded page. The token stays in the memory of this function. */
export function createEmbed(parent: Parent): Embed {
  const state = createStore<EmbedState>({ session: undefined, error: undefined });
  const renewal = createRenewal();
  const reach = createReach(async (signal) => (await fetch("/readyz", { signal, cache: "no-store" })).ok);
  const queries = createQueries(() => undefined);
  let token: string | undefined;
  let given = 0;
  const { ask, askAhead, stop } = createAsking(parent);

  async function take(next: string): Promise<void> {
    given += 1;
    const turn = given;
    stop();
    try {
      const who = await whoIs(next, reach);
      if (turn !== given) return;
      const session = sessionOf(who);
      const { session: before } = state.get();
      // Nothing of another account stays: no list, no form, and no call that waits for a token.
      if (before && before.accountId !== session.accountId) return location.reload();
      token = next;
      askAhead(who.leftMs);
      state.set({ session, error: undefined });
      renewal.renewed();
    } catch (error) {
      if (turn === given) state.set({ ...state.get(), error });
    }
  }

  async function refresh(): Promise<void> {
    if (token === undefined) return;
    const turn = given;
    const session = sessionOf(await whoIs(token, reach));
    if (turn === given) state.set({ ...state.get(), session });
  }

  const transport = createConsoleTransport({
    account: () => undefined,
    bearer: () => token,
    reach,
    renewal:
      ({ header, signal }) =>
      () => {
        // The token of the call may be an earlier one.
        if (header.get("authorization") !== `Bearer ${token}`) return Promise.resolve();
        ask("ended");
        return renewal.wait(signal);
      },
    // The session reaches less than before: controls that are refused now disappear.
    onDenied: () => void refresh().catch(() => undefined),
  });
  parent.listen((message) => {
    if (message.type === "token") void take(message.token);
    else if (message.type === "theme") applyTheme(message.theme);
    else state.set({ ...state.get(), error: new Error(noEmbedToken) });
  });
  ask("start");
  const resume = async () => undefined;
  const own = { resume, tabs: noTabs, account: none(), user: none(), platform: createPlatform() };
  const connection = { transport, queries, reach, renewal, ...own };
  return { connection, state };
}

/** Asks the parent for a token until it gives one. `askAhead` asks before the end of a token that has this much time left. */
function createAsking(parent: Parent) {
  let asking: ReturnType<typeof setInterval> | undefined;
  let expiring: ReturnType<typeof setTimeout> | undefined;
  function ask(reason: TokenReason): void {
    if (asking !== undefined) return;
    parent.ask(reason);
    asking = setInterval(() => parent.ask(reason), askAgainMs);
  }
  return {
    ask,
    askAhead(leftMs: number): void {
      clearTimeout(expiring);
      const waitMs = Math.max(leftMs - aheadMs, leftMs / 2, shortestWaitMs);
      expiring = setTimeout(() => ask("expiring"), waitMs);
    },
    stop(): void {
      clearInterval(asking);
      asking = undefined;
    },
  };
}

const noEmbedToken = "the product gave this page a token that does not belong to an embed session";

// Other tabs and pages have other sessions.
const noTabs = { tell: () => undefined, listen: () => () => undefined };
const none = () => createStore<string | undefined>(undefined);

// The token is used only after the server has said what it is for, and how much time is left. The clock of this computer may
// be wrong, so the time of the response counts.
async function whoIs(token: string, reach: Connection["reach"]) {
  const transport = createConsoleTransport({ account: () => undefined, bearer: () => token, reach });
  let now = Date.now();
  const who = await createClient(ProfileService, transport).whoAmI(
    {},
    { onHeader: (header) => (now = Date.parse(header.get("date") ?? "") || now) },
  );
  // An embed session always has an end.
  return { ...who, leftMs: who.endsAt ? timestampMs(who.endsAt) - now : 0 };
}
