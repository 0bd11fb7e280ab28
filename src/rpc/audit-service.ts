import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { type AuditEventSchema, AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import type { AuditService } from "../../gen/latchkey/v1/audit_service_pb.ts";
import type { Db } from "../db/connect.ts";
import { type AuditEvent, listAuditEvents } from "../domain/kernel/audit-event.ts";
import { idsIn, namesOf } from "../domain/kernel/names.ts";
import { date, timestamp } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";

/**
 * `AuditService`: the audit events of an account. `flush` writes the refusals and failed log-ins that this instance has
 * buffered, so that the list contains them.
 */
export function auditService(db: Db, flush: () => Promise<unknown>): Operations<typeof AuditService> {
  return {
    async listAuditEvents(request, context) {
      const filter = {
        ...request,
        startTime: date(request.startTime, "start_time"),
        endTime: date(request.endTime, "end_time"),
      };
      await flush();
      const caller = callerOf(context);
      const { items, nextCursor } = await listAuditEvents(db, caller, filter);
      const names = await namesOf(db, caller, idsIn(items));
      return { items: items.map(eventMessage), pagination: { nextCursor }, names };
    },
  };
}

function eventMessage(event: AuditEvent): MessageInitShape<typeof AuditEventSchema> {
  return {
    id: event.id,
    accountId: event.account_id,
    createdAt: timestamp(event.created_at),
    profileId: event.profile_id,
    keyId: event.key_id,
    method: event.method,
    outcome: event.outcome === "done" ? AuditOutcome.DONE : AuditOutcome.REFUSED,
    resourceType: event.resource_type,
    resourceId: event.resource_id,
    ...(event.before && { before: event.before as JsonObject }),
    ...(event.after && { after: event.after as JsonObject }),
    requestId: event.request_id,
    clientAddress: event.client_address,
    count: event.count,
    reason: event.reason,
    via: event.via,
  };
}
