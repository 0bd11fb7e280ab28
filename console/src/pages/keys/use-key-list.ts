import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import type { PagerProps } from "../../ui/pager.tsx";
import { type KeyFilter, requestOf } from "./filter.ts";

/** The visible page of the list of keys. */
export interface KeyList {
  keys: readonly ApiKey[] | undefined;
  error: unknown;
  /** True while the page of another filter or place is on its way. */
  busy: boolean;
  pager: PagerProps;
}

const pageSize = 25;
// One call examines a bounded number of keys, and may find fewer than a page.
const maxCalls = 20;
const typingMs = 250;
const refreshMs = 30_000;

/** Loads the list of keys page by page. Only the visible page stays in memory. Another filter begins at the first page. */
export function useKeyList(filter: KeyFilter): KeyList {
  const client = createClient(ApiKeyService, useTransport());
  const settled = useSettled(filter);
  const [place, setPlace] = useState({ filter: settled, cursors: [""] });
  const cursors = place.filter === settled ? place.cursors : [""];
  const cursor = cursors.at(-1) ?? "";
  const query = useQuery({
    queryKey: ["keys", settled, cursor],
    queryFn: async ({ signal }) => {
      const keys: ApiKey[] = [];
      const request = { ...requestOf(settled, Date.now()), includeInfo: true };
      let next = cursor;
      for (let call = 0; call < maxCalls; call++) {
        const limit = pageSize - keys.length;
        const page = await client.listApiKeys({ ...request, limit, cursor: next }, { signal });
        keys.push(...page.items);
        next = page.pagination?.nextCursor ?? "";
        if (next === "" || keys.length >= pageSize) break;
      }
      return { keys, next };
    },
    placeholderData: keepPreviousData,
    structuralSharing: false,
    refetchInterval: refreshMs,
  });
  const { data, error, isPlaceholderData } = query;
  const go = (to: string[]) => setPlace({ filter: settled, cursors: to });
  const next = isPlaceholderData ? "" : (data?.next ?? "");
  return {
    keys: data?.keys,
    error: error ?? undefined,
    busy: isPlaceholderData || settled !== filter,
    pager: {
      page: cursors.length - 1,
      size: pageSize,
      count: data?.keys.length ?? 0,
      next: next ? () => go([...cursors, next]) : undefined,
      previous: cursors.length > 1 ? () => go(cursors.slice(0, -1)) : undefined,
    },
  };
}

// Returns the filter after the user stopped typing. Other changes are effective at once.
function useSettled(filter: KeyFilter): KeyFilter {
  const [settled, setSettled] = useState(filter);
  const typing = settled.search !== filter.search || settled.labels !== filter.labels;
  useEffect(() => {
    if (!typing) return setSettled(filter);
    const timer = setTimeout(() => setSettled(filter), typingMs);
    return () => clearTimeout(timer);
  }, [filter, typing]);
  return typing ? settled : filter;
}
