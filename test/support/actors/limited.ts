import { expect } from "vitest";
import { WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { Clients, SharedApp } from "../app.ts";
import { refusal } from "../errors.ts";
import { newName } from "./actors.ts";

/** A rate limit that no test exhausts. */
export const rateLimits = [{ name: "hour", limit: 1_000_000, period: { seconds: 3_600n } }];

/** Mints an application key as some caller. Returns its clients, its id, and the key that limits it. */
export async function mint(app: SharedApp, caller: Clients, spec: object = {}) {
  const all = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
  const request = { metadata: { name: newName() }, spec: { ...all, ...spec } };
  const { apiKey } = await caller.apiKeys.createApiKey(request);
  const limitedBy = apiKey?.info?.limitedByKeyId;
  return { ...app.clientAs(apiKey?.spec?.token ?? ""), id: apiKey?.metadata?.id ?? "", limitedBy };
}

/** Expects that each call fails because the limits of this key hold back the caller. */
export async function expectDeniedBy(limitedBy: string, calls: (() => Promise<unknown>)[]): Promise<void> {
  const metadata = { permission: "api_keys:write", limited_by_key_id: limitedBy };
  for (const call of calls) {
    expect(await refusal(call()), String(call)).toMatchObject({ reason: "PERMISSION_DENIED", metadata });
  }
}
