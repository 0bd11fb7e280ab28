import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RoleSchema } from "../../gen/latchkey/v1/role_pb.ts";
import {
  type RoleService,
  type UpdateRoleRequest,
  UpdateRoleRequestSchema,
} from "../../gen/latchkey/v1/role_service_pb.ts";
import type { Store } from "../db/connect.ts";
import { etagOf } from "../domain/kernel/list.ts";
import { deleteRole } from "../domain/role/delete.ts";
import {
  createRole,
  getRole,
  listRoles,
  type Role,
  type RoleDeps,
  type RoleUpdate,
  updateRole,
} from "../domain/role/role.ts";
import { changeable } from "./changeable.ts";
import { metadataMessage } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";
import { type PermissionSettings, permissionsMessage } from "./permissions-message.ts";
import { commonFields, commonUpdate } from "./resource-request.ts";
import { changedFields } from "./update-mask.ts";

/** `RoleService`: the roles of an account, which are named sets of permissions. */
export function roleService(
  db: Store,
  deps: RoleDeps,
  settings: PermissionSettings,
): Operations<typeof RoleService> {
  const permissions = permissionsMessage(settings);
  return {
    listPermissions: () => permissions,
    async createRole(request, context) {
      const permissions = request.spec?.permissions ?? [];
      return {
        role: message(
          await createRole(db, callerOf(context), deps, { ...commonFields(request), permissions }),
        ),
      };
    },
    async listRoles(request, context) {
      const { items, nextCursor } = await listRoles(db, callerOf(context), request);
      return { items: items.map(message), pagination: { nextCursor } };
    },
    async getRole({ id }, context) {
      return { role: message(await getRole(db, callerOf(context), id)) };
    },
    async updateRole(request, context) {
      return { role: message(await updateRole(db, callerOf(context), deps, update(request))) };
    },
    async deleteRole(request, context) {
      await deleteRole(db, callerOf(context), deps, request);
      return {};
    },
  };
}

function update(request: UpdateRoleRequest): RoleUpdate {
  const changes = changedFields(
    UpdateRoleRequestSchema,
    request,
    request.updateMask,
    changeable.UpdateRoleRequest,
  );
  return {
    ...commonUpdate(request, changes),
    ...(changes("spec.permissions") && { permissions: request.spec?.permissions ?? [] }),
  };
}

function message(role: Role): MessageInitShape<typeof RoleSchema> {
  return {
    metadata: metadataMessage(role),
    spec: { description: role.description, permissions: role.permissions, builtin: role.builtin !== null },
    etag: etagOf(role.version),
  };
}
