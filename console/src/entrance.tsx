import { useEffect } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { AccountChooser } from "./account-chooser.tsx";
import { ActingBanner } from "./acting-banner.tsx";
import { Brand } from "./brand.tsx";
import { useConnection } from "./connection.ts";
import { LogIn } from "./log-in.tsx";
import { Notice } from "./notice.tsx";
import type { Page } from "./page.ts";
import { PageView } from "./page-view.tsx";
import { pages } from "./pages.ts";
import { type Session, SessionContext } from "./session.ts";
import { Shell } from "./shell.tsx";
import { Button } from "./ui/button.tsx";
import { ErrorNote } from "./ui/error-note.tsx";
import { Skeleton } from "./ui/loaded.tsx";
import { useIdentity } from "./use-identity.ts";

const publicPages = pages.filter(({ audience }) => audience === "public");

/** Shows the page of the address. A page that needs a session shows the log-in form first. */
export function Entrance() {
  return (
    <Switch>
      {publicPages.map((page) => (
        <Route key={page.path} path={page.path}>
          <PageView page={page} />
        </Route>
      ))}
      <Route>
        <SignedIn />
      </Route>
    </Switch>
  );
}

function SignedIn() {
  const identity = useIdentity();
  const { queries } = useConnection();
  if (identity.state === "loading") return <Opening />;
  if (identity.state === "signed-out") return <LogIn />;
  if (identity.state === "no-account") return <AccountChooser {...identity} />;
  if (identity.state === "failed") {
    return (
      <Notice title="The console cannot start">
        <ErrorNote error={identity.error} />
        <Button variant="primary" onClick={() => queries.invalidateQueries()}>
          Try again
        </Button>
      </Notice>
    );
  }
  const offered = pages.filter((page) => isOffered(page, identity.session));
  // Another account may have other pages and other items, so nothing of the old one stays.
  return (
    <SessionContext
      value={identity.session}
      key={`${identity.session.accountId} ${identity.session.principal.userId}`}
    >
      <Shell pages={offered}>
        <ActingBanner />
        <Switch>
          {offered.map((page) => (
            <Route key={page.path} path={page.path}>
              <PageView page={page} />
            </Route>
          ))}
          <Route path="/">
            <Redirect to={offered.find(({ nav }) => nav)?.path ?? "/sessions"} replace />
          </Route>
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Shell>
    </SessionContext>
  );
}

/** Returns whether a session can use a page. A user has pages that a key of the platform has not. */
function isOffered({ audience, needs }: Page, { can, platform, principal }: Session): boolean {
  if (audience === "public") return false;
  if (audience === "platform" && !platform) return false;
  if (audience === "user" && principal.userId === "") return false;
  return needs === undefined || can(needs);
}

function Opening() {
  return (
    <main className="opening">
      <Brand />
      <Skeleton lines={3} />
    </main>
  );
}

/** The page of an address that does not exist, or that the user may not use. */
function NotFound() {
  const [, navigate] = useLocation();
  useEffect(() => {
    document.title = "Page not found · Latchkey";
  }, []);
  return (
    <div className="empty">
      <h1 tabIndex={-1}>Page not found</h1>
      <p>This page does not exist, or your role does not include it.</p>
      <Button onClick={() => navigate("/")}>Go to the start page</Button>
    </div>
  );
}
