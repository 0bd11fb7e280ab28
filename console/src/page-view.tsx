import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { useConnection } from "./connection.ts";
import type { Page } from "./page.ts";
import { Banner } from "./ui/banner.tsx";
import { Button } from "./ui/button.tsx";
import { Skeleton } from "./ui/loaded.tsx";

/** Loads a page and shows it. */
export function PageView({ page }: { page: Page }) {
  const { reach } = useConnection();
  const { data, error } = useQuery({
    queryKey: ["page", page.path],
    // Data of a query cannot be a function.
    queryFn: async () => {
      try {
        return { Content: await page.load() };
      } catch (error) {
        // If the server is away, the page loads when it is back.
        reach.doubt();
        throw error;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
    retry: 2,
  });
  useAnnounced(page.title, data !== undefined);
  // The files of a page have other names after an upgrade of the server.
  if (error && !data) {
    return (
      <Banner tone="warning" title="This page could not be loaded. ">
        <p>The server may have been upgraded. Load the console again.</p>
        <Button onClick={() => location.reload()}>Load again</Button>
      </Banner>
    );
  }
  return data ? <data.Content /> : <Skeleton />;
}

// After a navigation, the focus is on the title of the page. At the first load, the browser decides.
function useAnnounced(title: string, loaded: boolean): void {
  const [address] = useLocation();
  const first = useRef(address);
  useEffect(() => {
    document.title = `${title} · Latchkey`;
  }, [title]);
  useEffect(() => {
    if (!loaded || first.current === address) return;
    first.current = "";
    const heading = document.querySelector<HTMLElement>("main h1");
    // A field with `autoFocus` keeps the focus.
    if (document.activeElement === document.body) heading?.focus();
    scrollTo(0, 0);
  }, [loaded, address]);
}
