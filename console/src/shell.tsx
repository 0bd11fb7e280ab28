import { type ReactNode, useEffect, useRef } from "react";
import { Link, useLocation } from "wouter";
import { AccountMenu } from "./account-menu.tsx";
import { Brand } from "./brand.tsx";
import { type NavGroup, navGroups, type Page } from "./page.ts";
import { Icon } from "./ui/icon.tsx";
import { UserMenu } from "./user-menu.tsx";

/** The frame of all pages: the menu with the account and the user, and the page beside it. */
export function Shell({ pages, children }: { pages: readonly Page[]; children: ReactNode }) {
  const [address] = useLocation();
  const drawer = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each navigation closes the menu of a narrow screen
  useEffect(() => {
    if (drawer.current?.matches(":popover-open")) drawer.current.hidePopover();
  }, [address]);
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the page
      </a>
      <header className="topbar">
        <button type="button" className="button ghost icon-only" aria-label="Menu" popoverTarget="drawer">
          <Icon name="menu" />
        </button>
        <Brand />
      </header>
      <div className="sidebar">
        <Side pages={pages} />
      </div>
      <div className="drawer" id="drawer" popover="auto" ref={drawer}>
        <Side pages={pages} />
      </div>
      <main id="content" tabIndex={-1} className="content">
        {children}
      </main>
    </div>
  );
}

function Side({ pages }: { pages: readonly Page[] }) {
  return (
    <>
      <Brand />
      <AccountMenu />
      <nav aria-label="Pages of the console">
        {navGroups.map((group) => (
          <Group key={group} group={group} pages={pages.filter(({ nav }) => nav?.group === group)} />
        ))}
      </nav>
      <UserMenu />
    </>
  );
}

function Group({ group, pages }: { group: NavGroup; pages: readonly Page[] }) {
  const [address] = useLocation();
  if (pages.length === 0) return null;
  return (
    <section aria-label={group}>
      <h2>{group}</h2>
      <ul>
        {pages.map(({ path, title, nav }) => (
          <li key={path}>
            <Link to={path} aria-current={isWithin(address, path) ? "page" : undefined}>
              {nav && <Icon name={nav.icon} />}
              {title}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function isWithin(address: string, path: string): boolean {
  return address === path || address.startsWith(`${path}/`);
}
