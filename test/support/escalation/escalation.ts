import { sql } from "kysely";
import { expect } from "vitest";
import { WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { type Clients, issueKey, newWorkspace, type Owner, type SharedApp } from "../app.ts";
import { refusal } from "../errors.ts";

/** The lesser key that tries, and the key to which it tries to give more. */
export interface Scene {
  owner: Owner;
  lesser: Clients & { id: string };
  target: { id: string; profileId: string };
  /** The only workspace that the lesser key may enter. */
  mine: string;
  other: string;
}

/** An attempt to give more than the caller holds, and the error that it gets. */
export interface Attempt {
  what: string;
  /** Fields of the lesser key besides `api_keys:write`, `workspaces:write`, `agents:read` and the first workspace. */
  lesser?: Parameters<typeof issueKey>[1];
  target?: Parameters<typeof issueKey>[1];
  targetIn?: "mine" | "other";
  call(scene: Scene): Promise<unknown>;
  reason?: string;
  metadata?: (scene: Scene) => Record<string, string>;
}

/** Mints a key as a caller. */
export const mint = (lesser: Clients, spec: object, initialWorkspaceIds: string[] = []) =>
  lesser.apiKeys.createApiKey({ metadata: { name: "minted" }, spec, initialWorkspaceIds });
/** Updates the spec of the target key. */
export const update = ({ lesser, target: { id } }: Scene, spec: object, paths?: string[]) =>
  lesser.apiKeys.updateApiKey({ id, spec, ...(paths && { updateMask: { paths } }) });
/** Rotates the target key. */
export const rotateIt = ({ lesser, target: { id } }: Scene) => lesser.apiKeys.rotateApiKey({ id });
/** Makes the attempt three times. Each is refused, the database stays the same, and the refusals are one event a minute. */
export async function expectRefused(app: SharedApp, attempt: Attempt): Promise<void> {
  const scene = await setUp(app, attempt);
  const before = await everything(app, scene.owner);
  const expected = { reason: attempt.reason ?? "PERMISSION_DENIED", metadata: attempt.metadata?.(scene) };
  for (let times = 0; times < 3; times++) {
    expect(await refusal(attempt.call(scene))).toMatchObject({ code: "PermissionDenied", ...expected });
  }
  expect(await everything(app, scene.owner)).toEqual(before);
  // A new minute may begin during the test.
  const events = await refusals(app, scene);
  expect(events.reduce((sum, event) => sum + event.count, 0)).toBe(3);
  expect(new Set(events.map((event) => event.minute?.getTime())).size).toBe(events.length);
  expect(new Set(events.map((event) => event.reason))).toEqual(new Set([expected.reason]));
}

/** Creates an account with two workspaces, a lesser key that may enter the first, and the target key. */
export async function setUp(
  app: SharedApp,
  { lesser = {}, target = {}, targetIn }: Partial<Attempt>,
): Promise<Scene> {
  const owner = await app.newAccount();
  const [mine, other] = [await newWorkspace(owner, "mine"), await newWorkspace(owner, "other")];
  const held = { permissions: ["api_keys:write", "workspaces:write", "agents:read"] };
  const caller = await issueKey(owner, {
    spec: { ...held, ...lesser.spec },
    initialWorkspaceIds: lesser.spec?.workspaceScope === WorkspaceScope.ALL ? [] : [mine],
  });
  const granted = targetIn ? [targetIn === "mine" ? mine : other] : [];
  const { id, info } = await issueKey(owner, { ...target, initialWorkspaceIds: granted });
  return {
    owner,
    lesser: { ...app.clientAs(caller.token), id: caller.id },
    target: { id, profileId: info?.profileId ?? "" },
    mine,
    other,
  };
}

async function everything(app: SharedApp, { account }: Owner) {
  const accountId = account.metadata?.id ?? "";
  const rows = async (table: "api_key" | "api_key_token" | "profile" | "workspace_grant") => {
    const { rows } = await sql<{ row: string }>`
      select t::text as row from ${sql.table(table)} as t where account_id = ${accountId} order by 1`.execute(
      app.db,
    );
    return rows;
  };
  const done = await app.db
    .selectFrom("audit_event")
    .select("id")
    .where("account_id", "=", accountId)
    .where("outcome", "=", "done")
    .orderBy("id")
    .execute();
  return [
    await rows("api_key"),
    await rows("api_key_token"),
    await rows("profile"),
    await rows("workspace_grant"),
    done,
  ];
}

async function refusals(app: SharedApp, { lesser }: Scene) {
  await app.app.flush();
  return app.db
    .selectFrom("audit_event")
    .select(["reason", "count", "minute"])
    .where("outcome", "=", "refused")
    .where("key_id", "=", lesser.id)
    .execute();
}
