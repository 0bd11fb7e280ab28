import { ApiKeyKind, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { rotate } from "../actors/api-key.ts";
import { issueKey } from "../app.ts";
import { type Command, can, lists, pick } from "./commands.ts";
import { granting, mayChange, mayRevive, withKey } from "./key-change.ts";
import type { Key } from "./model.ts";
import { graceBy, keyReach, mayResult, withinOwnList } from "./reach.ts";

const kinds = {
  application: ApiKeyKind.APPLICATION,
  service: ApiKeyKind.SERVICE,
  developer: ApiKeyKind.DEVELOPER,
};
const kindNames = ["application", "service", "developer", "developer", "service"] as const;

/** The commands that make, change and end keys. */
export const keyCommands: Record<string, Command> = {
  createKey(world, actor, { a, b, c }) {
    const kind = pick(kindNames, a) ?? "application";
    const robot = kind === "service" ? pick(world.robots, b) : undefined;
    if (kind === "service" && !robot) return undefined;
    // A developer key belongs to the user who makes it. No other actor can make one.
    const person = kind === "developer" ? (actor.person ?? actor.key?.person) : undefined;
    const requested = pick(lists, c) ?? [];
    const all = b % 3 !== 0;
    const grants = all ? [] : world.workspaces.filter((_, index) => (c >> index) % 2);
    const profileId = robot?.profileId ?? person?.profileId ?? "";
    // At creation, an empty list of a service or developer key means every permission.
    const list = kind !== "application" && requested.length === 0 ? ["*"] : requested;
    const draft: Key = {
      ...{ id: "", kind, profileId, ownProfile: "", list, all, grants: new Set(grants) },
      ...{ disabled: false, revoked: false, tokens: [] },
      ...(person && { person }),
      ...(robot && { robot }),
    };
    const may = can(actor, "api_keys:write") || (kind === "developer" && actor.person !== undefined);
    const owned = kind !== "developer" || person !== undefined;
    return {
      allowed:
        may &&
        owned &&
        mayResult(actor, [{ after: keyReach(draft) }, ...granting(draft, grants)]) &&
        withinOwnList(actor, draft),
      async run() {
        const workspaceScope = all ? WorkspaceScope.ALL : WorkspaceScope.SELECTED;
        const spec = {
          kind: kinds[kind],
          permissions: requested,
          workspaceScope,
          serviceAccountId: robot?.id ?? "",
        };
        const made = await issueKey(actor.by, { spec, initialWorkspaceIds: grants });
        const ownProfile = made.info?.profileId ?? "";
        const tokens = [{ token: made.token, state: "current" as const }];
        world.keys.push({ ...draft, id: made.id, ownProfile, profileId: profileId || ownProfile, tokens });
      },
    };
  },
  listKey: withKey((key, actor, { b }) => {
    const list = pick(lists, b) ?? [];
    return {
      allowed: can(actor, "api_keys:write") && !key.revoked && mayChange(actor, key, { ...key, list }),
      async run() {
        const [spec, updateMask] = [{ permissions: list }, { paths: ["spec.permissions"] }];
        await actor.by.apiKeys.updateApiKey({ id: key.id, spec, updateMask });
        key.list = list;
      },
    };
  }),
  scopeKey: withKey((key, actor, { b }) => {
    const all = b % 2 === 0;
    return {
      allowed: can(actor, "api_keys:write") && !key.revoked && mayChange(actor, key, { ...key, all }),
      async run() {
        const workspaceScope = all ? WorkspaceScope.ALL : WorkspaceScope.SELECTED;
        await actor.by.apiKeys.updateApiKey({ id: key.id, spec: { workspaceScope } });
        key.all = all;
      },
    };
  }),
  rotateKey: withKey((key, actor, { b }) => {
    const grace = b % 2 ? 60 : 0;
    const itself = actor.key === key;
    const own = (key.person && actor.person === key.person) || (itself && key.kind === "service");
    const theirs = key.kind !== "developer" || (actor.person ?? actor.key?.person) === key.person;
    const evaluated = mayRevive(actor, key);
    return {
      allowed:
        (can(actor, "api_keys:write") || own === true) &&
        theirs &&
        !key.revoked &&
        evaluated &&
        (!itself || grace >= 60),
      async run() {
        const token = await rotate(actor.by, key.id, grace);
        for (const one of key.tokens) {
          if (grace && one.state === "current") one.by = graceBy(actor);
          if (one.state !== "ended") one.state = grace ? "superseded" : "ended";
        }
        key.tokens.push({ token, state: "current" });
      },
    };
  }),
  switchKey: withKey((key, actor) => ({
    allowed: can(actor, "api_keys:manage") && !key.revoked && (!key.disabled || mayRevive(actor, key)),
    async run() {
      if (key.disabled) await actor.by.apiKeys.enableApiKey({ id: key.id });
      else await actor.by.apiKeys.disableApiKey({ id: key.id });
      key.disabled = !key.disabled;
    },
  })),
  revokeKey: withKey((key, actor) => {
    const own = key.person !== undefined && actor.person === key.person;
    const itself = actor.key === key && key.kind === "service";
    return {
      allowed: (can(actor, "api_keys:manage") || own) && !itself,
      async run() {
        await actor.by.apiKeys.revokeApiKey({ id: key.id });
        key.revoked = true;
      },
    };
  }),
};
