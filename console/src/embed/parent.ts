import { type ParentMessage, parseMessage, type TokenNeeded, type TokenReason } from "./messages.ts";

/** The page in whose frame this page is. */
export interface Parent {
  /** Asks for a token. Only pages of an allowed origin receive it. */
  ask(reason: TokenReason): void;
  /** Calls the listener for each message of the parent. A message of any other window or origin is ignored. */
  listen(listener: (message: ParentMessage) => void): void;
}

/** The name of the element in which the server says which parents may give a token. */
const originsName = "latchkey-embed-origins";

/** Returns the origins whose pages may give a token. The server wrote them into this document. */
export function allowedOrigins(document: Document): string[] {
  const meta = document.querySelector<HTMLMetaElement>(`meta[name="${originsName}"]`);
  return (meta?.content ?? "").split(" ").filter((origin) => origin !== "");
}

/** Returns the parent of a page, or undefined if the page is not in a frame of an allowed origin. */
export function findParent(page: Window, origins: readonly string[]): Parent | undefined {
  const { parent } = page;
  if (parent === page) return undefined;
  // Firefox does not say which page has the frame. The message is then sent to each allowed origin. Browsers deliver it only to
  // a parent of that origin.
  const [above] = page.location.ancestorOrigins ?? [];
  const targets = above === undefined ? origins : origins.filter((origin) => origin === above);
  if (targets.length === 0) return undefined;
  return {
    ask(reason) {
      const message: TokenNeeded = { type: "latchkey:token-needed", reason };
      for (const target of targets) parent.postMessage(message, target);
    },
    listen(listener) {
      page.addEventListener("message", ({ source, origin, data }) => {
        if (source !== parent || !targets.includes(origin)) return;
        const message = parseMessage(data);
        if (message) listener(message);
      });
    },
  };
}
