import { isReadOnly } from "../../db/errors.ts";
import { type Listener, openListener } from "../../db/listen.ts";

/** The state of the change feed. It is open, it was lost, or its URL leads to a standby. */
export type FeedState = "open" | "lost" | "standby";

/** The change feed: one listening connection at a time, opened again when it is lost. */
export interface Feed {
  /** Returns when the server of the feed started, or undefined while the feed is not open. */
  server(): string | undefined;
  /** Closes the connection. The feed opens a new one, unless it was stopped. */
  disconnect(): void;
  /** Opens no further connection. The present one stays open until `disconnect`. */
  stop(): void;
}

/** What the feed depends on. */
export interface FeedDeps {
  url: string;
  channels: readonly string[];
  /** Called before each attempt to open a connection. */
  onOpening(): void;
  /** Returns what has to be read after LISTEN is established, and before the feed counts as open. */
  prepare(): Promise<number>;
  /** Called when the feed is open, with what `prepare` returned. */
  onOpen(prepared: number): void;
  /** Called for each notification, in the order of the feed. */
  onMessage(payload: string): void;
  /** Called when the connection ended. */
  onLost(): void;
  /** Called when the state changes. */
  onState(state: FeedState): void;
  onError(error: unknown): void;
}

const reconnectMs = 100;
// A standby stays one until it is promoted, or until the URL leads elsewhere.
const standbyReconnectMs = 1_000;

/** Starts to follow the feed. */
export function openFeed(deps: FeedDeps): Feed {
  let stopped = false;
  let listener: Listener | undefined;
  // The number of the present connection. Messages of an earlier connection are ignored.
  let epoch = 0;
  let state: FeedState = "lost";
  let reconnect: NodeJS.Timeout | undefined;

  function enter(next: FeedState): void {
    if (next !== state) deps.onState(next);
    state = next;
  }

  function openAfter(ms: number): void {
    if (stopped) return;
    clearTimeout(reconnect);
    reconnect = setTimeout(open, ms);
  }

  function lost(): void {
    epoch += 1;
    if (state === "open") enter("lost");
    listener = undefined;
    deps.onLost();
    openAfter(reconnectMs);
  }

  async function open(): Promise<void> {
    epoch += 1;
    const mine = epoch;
    deps.onOpening();
    let opened: Listener | undefined;
    try {
      opened = await openListener(deps.url, deps.channels, {
        onMessage: (payload) => mine === epoch && deps.onMessage(payload),
        onLost: () => mine === epoch && lost(),
      });
      const prepared = await deps.prepare();
      if (mine !== epoch || stopped) return opened.close();
      listener = opened;
      deps.onOpen(prepared);
      enter("open");
    } catch (error) {
      if (!isReadOnly(error)) deps.onError(error);
      else if (!stopped) {
        enter("standby");
        openAfter(standbyReconnectMs);
      }
      opened?.close();
    }
  }

  void open();
  return {
    server: () => listener?.serverStart,
    disconnect: () => listener?.close(),
    stop() {
      stopped = true;
      clearTimeout(reconnect);
    },
  };
}
