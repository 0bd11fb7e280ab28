import { timestampFromDate } from "@bufbuild/protobuf/wkt";

/** The filter of the audit page, as its address holds it. */
export interface AuditFilter {
  resource: string;
  type: string;
  profile: string;
  key: string;
  method: string;
  /** Days such as `2026-11-22`, in the time zone of the browser. `to` is included. */
  from: string;
  to: string;
}

const names = ["resource", "type", "profile", "key", "method", "from", "to"] as const;

/** Returns the filter in the query of an address. */
export function filterFrom(search: URLSearchParams): AuditFilter {
  return Object.fromEntries(names.map((name) => [name, search.get(name) ?? ""])) as unknown as AuditFilter;
}

/** Returns the query of an address with a filter. */
export function searchOf(filter: AuditFilter): URLSearchParams {
  return new URLSearchParams(names.filter((name) => filter[name] !== "").map((name) => [name, filter[name]]));
}

/** Returns whether a filter leaves out anything. */
export function isFiltered(filter: AuditFilter): boolean {
  return names.some((name) => filter[name] !== "");
}

/** Returns the request for the events of a filter. */
export function requestOf({ resource, type, profile, key, method, from, to }: AuditFilter) {
  const [start, end] = [dayOf(from, 0), dayOf(to, 1)];
  return {
    resourceId: resource,
    resourceType: type,
    profileId: profile,
    keyId: key,
    method,
    ...(start && { startTime: timestampFromDate(start) }),
    ...(end && { endTime: timestampFromDate(end) }),
  };
}

// The midnight at which a day begins, or the one some days later. A day of a change of the clock has another length.
function dayOf(text: string, later: number): Date | undefined {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  if (year === undefined) return undefined;
  return new Date(Number(year), Number(month) - 1, Number(day) + later);
}
