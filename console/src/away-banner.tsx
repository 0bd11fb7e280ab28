import { useEffect, useRef } from "react";
import { useConnection } from "./connection.ts";
import { useStore } from "./store.ts";
import { Banner } from "./ui/banner.tsx";

/** Says that the server is away, until it is back. Then everything that is visible loads again. */
export function AwayBanner() {
  const { reach, queries } = useConnection();
  const away = useStore(reach.away);
  const before = useRef(away);
  useEffect(() => {
    if (before.current && !away) void queries.invalidateQueries();
    before.current = away;
  }, [away, queries]);
  if (!away) return null;
  return (
    <div className="away">
      <Banner tone="warning" title="The server cannot be reached. ">
        The console tries again by itself. What you typed stays.
      </Banner>
    </div>
  );
}
