import { ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import type { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import type { Store } from "../db/connect.ts";
import type { ProfileType as StoredType } from "../db/schema.ts";
import { isPlatformKey } from "../domain/access/principal.ts";
import {
  type AccountProfile,
  getProfile,
  listProfiles,
  removeProfile,
  setProfileRole,
} from "../domain/profile/profile.ts";
import type { AccessDeps } from "../domain/role/change.ts";
import { profileMessage, timestamp } from "./messages.ts";
import { callerOf, recordOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";
import { principalMessage } from "./principal-message.ts";

/** `ProfileService`: the profiles of an account, and the profile of the caller. */
export function profileService(db: Store, deps: AccessDeps): Operations<typeof ProfileService> {
  return {
    async whoAmI(_request, context) {
      const caller = callerOf(context);
      return {
        profile: profileMessage(caller.accountId, caller.profile),
        principal: principalMessage(caller),
        platform: isPlatformKey(caller),
        endsAt: timestamp(recordOf(context.values).passed?.endsAt),
      };
    },
    async listProfiles(request, context) {
      const filter = { ...request, type: typeOf(request.type) };
      const { items, nextCursor } = await listProfiles(db, callerOf(context), filter);
      return { items: items.map((one) => message(one, request.includeInfo)), pagination: { nextCursor } };
    },
    async getProfile({ id }, context) {
      return { profile: message(await getProfile(db, callerOf(context), id)) };
    },
    async removeProfile({ id }, context) {
      await removeProfile(db, callerOf(context), id);
      return {};
    },
    async setProfileRole(request, context) {
      return { profile: message(await setProfileRole(db, callerOf(context), deps, request)) };
    },
  };
}

function message(profile: AccountProfile, info = true) {
  const { metadata, spec } = profileMessage(profile.account_id, profile);
  return {
    metadata: { ...metadata, createdAt: timestamp(profile.created_at) },
    ...(spec && { spec }),
    ...(info && {
      info: { roleId: profile.role_id ?? "", role: profile.role ?? "", teamIds: profile.team_ids },
    }),
  };
}

function typeOf(type: ProfileType): StoredType | undefined {
  const types: Partial<Record<ProfileType, StoredType>> = {
    [ProfileType.USER]: "user",
    [ProfileType.SERVICE_ACCOUNT]: "service_account",
    [ProfileType.API_KEY]: "api_key",
    [ProfileType.SYSTEM]: "system",
  };
  return types[type];
}
