import { day, parseDuration } from "./parse.ts";
import type { Read } from "./reader.ts";

/** How long usage and client addresses are kept. */
export interface UsageSettings {
  usageRetentionMs: number;
  /** Undefined: client addresses are not recorded. */
  clientAddressRetentionMs: number | undefined;
}

const [min, max] = [day, 36_500 * day];

/** Reads the settings of usage. */
export function readUsageSettings(read: Read): UsageSettings {
  const addresses = { retentionMs: 30 * day };
  return {
    usageRetentionMs: read("LATCHKEY_USAGE_RETENTION", 400 * day, parseRetention, "1d to 36500d"),
    clientAddressRetentionMs: read<{ retentionMs: number | undefined }>(
      "LATCHKEY_CLIENT_ADDRESS_RETENTION",
      addresses,
      parseAddressRetention,
      "1d to 36500d, or off",
    ).retentionMs,
  };
}

function parseRetention(text: string): number | undefined {
  const retentionMs = parseDuration(text);
  return retentionMs !== undefined && retentionMs >= min && retentionMs <= max ? retentionMs : undefined;
}

function parseAddressRetention(text: string): { retentionMs: number | undefined } | undefined {
  if (text === "off") return { retentionMs: undefined };
  const retentionMs = parseRetention(text);
  return retentionMs === undefined ? undefined : { retentionMs };
}
