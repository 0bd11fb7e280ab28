import { day, parseDuration } from "./parse.ts";
import type { Read } from "./reader.ts";

/** How long audit events are kept. */
export interface AuditSettings {
  /** Undefined: for ever. */
  auditRetentionMs: number | undefined;
}

const [min, max] = [day, 36_500 * day];

/** Reads the settings of the audit log. */
export function readAuditSettings(read: Read): AuditSettings {
  const fallback = { auditRetentionMs: 400 * day };
  return read<AuditSettings>("LATCHKEY_AUDIT_RETENTION", fallback, parse, "1d to 36500d, or forever");
}

function parse(text: string): AuditSettings | undefined {
  if (text === "forever") return { auditRetentionMs: undefined };
  const auditRetentionMs = parseDuration(text);
  return auditRetentionMs !== undefined && auditRetentionMs >= min && auditRetentionMs <= max
    ? { auditRetentionMs }
    : undefined;
}
