import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense } from "react";
import { type BaseLocationHook, type BaseSearchHook, Router } from "wouter";
import { AwayBanner } from "../away-banner.tsx";
import { ConnectionContext } from "../connection.ts";
import { SessionContext } from "../session.ts";
import { useStore } from "../store.ts";
import { Banner } from "../ui/banner.tsx";
import { ErrorNote } from "../ui/error-note.tsx";
import { Skeleton } from "../ui/loaded.tsx";
import { ToastProvider } from "../ui/toast.tsx";
import type { Embed } from "./embed.ts";

// The file of the page loads while the parent fetches a token.
const loadingPage = import("../pages/keys/keys-page.tsx");
const KeysPage = lazy(async () => ({ default: (await loadingPage).KeysPage }));

/** Where the page keeps its address. */
export interface Place {
  hook: BaseLocationHook;
  searchHook: BaseSearchHook;
}

/** The keys page alone, in a frame of another page. */
export function EmbedPage({ embed, place }: { embed: Embed; place: Place }) {
  const { connection } = embed;
  return (
    <ConnectionContext value={connection}>
      <TransportProvider transport={connection.transport}>
        <QueryClientProvider client={connection.queries}>
          <ToastProvider>
            {/* The address of the frame does not change, so the history of the parent does not either. */}
            <Router hook={place.hook} searchHook={place.searchHook}>
              <AwayBanner />
              <Content embed={embed} />
            </Router>
          </ToastProvider>
        </QueryClientProvider>
      </TransportProvider>
    </ConnectionContext>
  );
}

function Content({ embed }: { embed: Embed }) {
  const { session, error } = useStore(embed.state);
  const renewing = useStore(embed.connection.renewal.needed);
  return (
    <EmbedMain>
      <ErrorNote error={error} />
      {renewing && <Banner>Your session is being renewed. What you typed stays.</Banner>}
      {session ? (
        <SessionContext value={session}>
          <Suspense fallback={<Skeleton lines={6} />}>
            <KeysPage />
          </Suspense>
        </SessionContext>
      ) : (
        error === undefined && <Skeleton lines={6} />
      )}
    </EmbedMain>
  );
}

function EmbedMain({ children }: { children: ReactNode }) {
  return <main className="content embedded">{children}</main>;
}

/** The page for a window that is no frame of an allowed page. */
export function NotEmbedded() {
  return (
    <EmbedMain>
      <h1>API keys</h1>
      <Banner tone="warning">This page works only inside a page of the product that it belongs to.</Banner>
    </EmbedMain>
  );
}
