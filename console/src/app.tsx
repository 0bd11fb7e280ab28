import { TransportProvider } from "@connectrpc/connect-query";
import { QueryClientProvider } from "@tanstack/react-query";
import { Router } from "wouter";
import { AwayBanner } from "./away-banner.tsx";
import { type Connection, ConnectionContext } from "./connection.ts";
import { Entrance } from "./entrance.tsx";
import { LogInDialog } from "./log-in-dialog.tsx";
import { ToastProvider } from "./ui/toast.tsx";

/** The console: its connection, and the page of the address. */
export function App({ connection }: { connection: Connection }) {
  return (
    <ConnectionContext value={connection}>
      <TransportProvider transport={connection.transport}>
        <QueryClientProvider client={connection.queries}>
          <ToastProvider>
            <Router base="/console">
              <AwayBanner />
              <Entrance />
              <LogInDialog />
            </Router>
          </ToastProvider>
        </QueryClientProvider>
      </TransportProvider>
    </ConnectionContext>
  );
}
