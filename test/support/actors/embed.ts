import type { Clients, Owner, SharedApp } from "../app.ts";
import { type Acting, accountIdOf, newActing } from "./acting.ts";

/** An embed session and its clients, with the platform key that made it. */
export interface Embedded extends Clients {
  id: string;
  token: string;
  acting: Acting;
}

/** What a platform key holds that makes sessions for the keys page. */
export const keysPermissions = ["api_keys:manage", "agents:write"];

/** Makes an embed session by a new platform key with these permissions and `accounts:act`. */
export async function newEmbedded(
  app: SharedApp,
  owner: Owner,
  request: { permissions?: string[]; workspaceIds?: string[] } = {},
  permissions: string[] = keysPermissions,
): Promise<Embedded> {
  const acting = await newActing(app, accountIdOf(owner), ...permissions);
  return { ...(await embed(app, acting, { permissions, ...request })), acting };
}

/** Makes an embed session as this caller, and returns its clients. */
export async function embed(
  app: SharedApp,
  by: Clients,
  request: { permissions?: string[]; workspaceIds?: string[] } = {},
): Promise<Clients & { id: string; token: string }> {
  const { id, token } = await by.sessions.createEmbedSession(request);
  return { ...app.clientAs(token), id, token };
}
