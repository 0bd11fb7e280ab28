/** A message from one tab of the console to the others. */
export type TabMessage = "signed-in" | "signed-out" | "changed";

/** The other tabs of the console in this browser. */
export interface Tabs {
  tell(message: TabMessage): void;
  /** Calls the listener for each message of another tab, until the returned function is called. */
  listen(listener: (message: TabMessage) => void): () => void;
}

/** Connects this tab with the others. */
export function createTabs(): Tabs {
  const channel = new BroadcastChannel("latchkey-console");
  return {
    tell: (message) => channel.postMessage(message),
    listen(listener) {
      const receive = (event: MessageEvent<TabMessage>) => listener(event.data);
      channel.addEventListener("message", receive);
      return () => channel.removeEventListener("message", receive);
    },
  };
}
