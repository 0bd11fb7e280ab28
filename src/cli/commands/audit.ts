import type { AuditEvent } from "../../../gen/latchkey/v1/audit_event_pb.ts";
import { command } from "../command.ts";
import { usageError } from "../failure.ts";
import { countOf, listOptions, readPages } from "../lists.ts";
import { pastTimeOf } from "../values.ts";

const audit = command({
  path: ["audit"],
  summary: "list the changes and refusals in the account",
  description:
    "Lists the newest events first. With --follow, it shows new events as they come, until Ctrl-C. With --json, each of them is one line.",
  options: {
    ...listOptions,
    follow: { short: "f", summary: "show new events as they come" },
    resource: { value: "ID", summary: "only events about this resource" },
    "resource-type": { value: "TYPE", summary: "only events about this kind of resource, such as api_key" },
    profile: { value: "PROFILE_ID", summary: "only events of this profile" },
    key: { value: "KEY_ID", summary: "only events that were caused with this key" },
    method: { value: "METHOD", summary: "only events of this method, such as ApiKeyService/RevokeApiKey" },
    since: { value: "TIME", summary: "from this time on: 24h, 7d or 2026-11-22T06:40:00Z" },
    until: { value: "TIME", summary: "before this time" },
  },
  examples: [
    { text: "List the newest events.", command: "latchkey audit" },
    { text: "List what happened to a key.", command: "latchkey audit --resource KEY_ID" },
    {
      text: "List the revocations of a week, for a program.",
      command: "latchkey audit --method ApiKeyService/RevokeApiKey --since 7d --all --json",
    },
  ],
  rpcs: ["AuditService.ListAuditEvents"],
  async run(context, { follow, resource = "", profile = "", key = "", method = "", ...input }) {
    const now = Date.now();
    const filter = {
      resourceId: resource,
      resourceType: input["resource-type"] ?? "",
      profileId: profile,
      keyId: key,
      // The package is the same for every RPC.
      method: /^\w+Service\//.test(method) ? `latchkey.v1.${method}` : method,
      ...(input.until !== undefined && { endTime: pastTimeOf("until", input.until, now) }),
    };
    const since = input.since === undefined ? undefined : pastTimeOf("since", input.since, now);
    if (follow) {
      if (input.until !== undefined || input.sort !== undefined || input.all) {
        throw usageError("--follow shows events as they come: it takes no --until, --sort or --all");
      }
      const { followEvents } = await import("../follow-events.ts");
      return followEvents(context, filter, { since, newest: countOf(input.limit ?? "10") });
    }
    const client = await context.client();
    const request = { ...filter, sortOrder: input.sort ?? "", ...(since && { startTime: since }) };
    const names: Record<string, string> = {};
    const message = await readPages(context.out, input, async (page) => {
      const response = await client.audit.listAuditEvents({ ...request, ...page });
      // Each page has the names of its own events.
      response.names = Object.assign(names, response.names);
      return response;
    });
    const { eventColumns } = await import("../audit-columns.ts");
    await context.out.list<AuditEvent>({
      message,
      items: message.items,
      id: ({ id }) => id,
      empty: "no events",
      columns: eventColumns(names),
    });
  },
});

/** The commands about audit events. */
export const auditCommands = [audit];
