import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { PagerProps } from "./ui/pager.tsx";

/** The response of a list: items, and the cursor of the next page. */
interface ListResponse {
  items: readonly unknown[];
  pagination?: { nextCursor: string } | undefined;
}

/** One page of a list. */
export interface Pages<O> {
  data: O | undefined;
  error: unknown;
  /** True while another page or newer items are on their way. */
  busy: boolean;
  /** The properties of a `Pager`. */
  pager: PagerProps;
  reload(): void;
}

/**
 * Loads a list page by page. Only the visible page stays in memory. Another request (a filter, an order) begins again at
 * the first page.
 */
export function usePages<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  { size = 25, enabled = true }: { size?: number; enabled?: boolean } = {},
): Pages<MessageShape<O>> {
  // The cursors of the pages from the second to the visible one.
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const key = JSON.stringify(request, (_, value) => (typeof value === "bigint" ? String(value) : value));
  // biome-ignore lint/correctness/useExhaustiveDependencies: another request is a change of the list
  useEffect(() => setCursors([]), [key]);
  const page = { ...request, limit: size, cursor: cursors.at(-1) ?? "" } as MessageInitShape<I>;
  const query = useQuery(method, page, { placeholderData: keepPreviousData, enabled });
  const list = query.data as (MessageShape<O> & ListResponse) | undefined;
  const nextCursor = query.isPlaceholderData ? "" : (list?.pagination?.nextCursor ?? "");
  return {
    data: list,
    error: query.error ?? undefined,
    busy: query.isFetching && (query.isPlaceholderData || query.isLoading),
    pager: {
      page: cursors.length,
      size,
      count: list?.items.length ?? 0,
      next: nextCursor ? () => setCursors([...cursors, nextCursor]) : undefined,
      previous: cursors.length > 0 ? () => setCursors(cursors.slice(0, -1)) : undefined,
    },
    reload: () => void query.refetch(),
  };
}
