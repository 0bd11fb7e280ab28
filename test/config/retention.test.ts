import { expect, test } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { problemsOf } from "../support/config.ts";

const day = 86_400_000;

test("the audit retention is from 1 to 36,500 days, or `forever`", () => {
  const retention = (text: string) => readConfig({ LATCHKEY_AUDIT_RETENTION: text }).auditRetentionMs;
  expect([retention("1d"), retention("36500d")]).toEqual([86_400_000, 36_500 * 86_400_000]);
  expect(retention("24h")).toBe(86_400_000);
  expect(retention("forever")).toBeUndefined();
  for (const wrong of ["23h", "36501d", "0", "never", "400"]) {
    expect(problemsOf({ LATCHKEY_AUDIT_RETENTION: wrong })).toEqual([
      "LATCHKEY_AUDIT_RETENTION: expected 1d to 36500d, or forever",
    ]);
  }
});

test("the usage retention is from 1 to 36,500 days", () => {
  const retention = (text: string) => readConfig({ LATCHKEY_USAGE_RETENTION: text }).usageRetentionMs;
  expect([retention("1d"), retention("36h"), retention("36500d")]).toEqual([day, 1.5 * day, 36_500 * day]);
  for (const wrong of ["23h", "36501d", "0", "forever", "off", "400"]) {
    expect(problemsOf({ LATCHKEY_USAGE_RETENTION: wrong })).toEqual([
      "LATCHKEY_USAGE_RETENTION: expected 1d to 36500d",
    ]);
  }
});

test("the retention of client addresses is from 1 to 36,500 days, or `off`", () => {
  const retention = (text: string) =>
    readConfig({ LATCHKEY_CLIENT_ADDRESS_RETENTION: text }).clientAddressRetentionMs;
  expect([retention("1d"), retention("36500d"), retention("off")]).toEqual([day, 36_500 * day, undefined]);
  for (const wrong of ["23h", "36501d", "0", "forever"]) {
    expect(problemsOf({ LATCHKEY_CLIENT_ADDRESS_RETENTION: wrong })).toEqual([
      "LATCHKEY_CLIENT_ADDRESS_RETENTION: expected 1d to 36500d, or off",
    ]);
  }
});
