import { useSearchParams } from "wouter";
import { AuditService } from "../../../gen/latchkey/v1/audit_service_pb.ts";
import { Button } from "../../ui/button.tsx";
import { EmptyState, PageHeader } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Pager } from "../../ui/pager.tsx";
import { usePages } from "../../use-pages.ts";
import { AuditFilters } from "./audit-filters.tsx";
import { withRecordedNames } from "./event.ts";
import { EventList } from "./event-list.tsx";
import { ExportMenu } from "./export-menu.tsx";
import { type AuditFilter, filterFrom, isFiltered, requestOf, searchOf } from "./filter.ts";

/** The audit log: what happened in the account, in sentences. */
export function AuditPage() {
  const [search, setSearch] = useSearchParams();
  const filter = filterFrom(search);
  const request = requestOf(filter);
  const list = usePages(AuditService.method.listAuditEvents, request, { size: 50 });
  const change = (next: AuditFilter) => setSearch(searchOf(next), { replace: true });
  const clear = () => setSearch(new URLSearchParams(), { replace: true });
  return (
    <>
      <PageHeader
        title="Audit log"
        description="Each change and each refusal in the account, failed log-ins of its members, and unusual uses of its keys."
        actions={<ExportMenu request={request} />}
      />
      <AuditFilters filter={filter} names={list.data?.names ?? {}} onChange={change} onClear={clear} />
      <Loaded query={list}>
        {({ items, names }) =>
          items.length === 0 ? (
            <EmptyState
              title={list.pager.next ? "Nothing on this page" : "No events"}
              action={isFiltered(filter) && <Button onClick={clear}>Clear the filters</Button>}
            >
              <p>
                {list.pager.next
                  ? "Older events may fit the filters: show the next page."
                  : "Nothing fits the filters."}
              </p>
            </EmptyState>
          ) : (
            <EventList
              events={items}
              names={withRecordedNames(items, names)}
              onShow={(part) => change({ ...filter, ...part })}
            />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
    </>
  );
}
