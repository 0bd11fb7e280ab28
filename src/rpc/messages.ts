import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type ProfileSchema, ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import type { AccountResourceMetadataSchema } from "../../gen/latchkey/v1/resource_pb.ts";
import { type WorkspaceSchema, WorkspaceState } from "../../gen/latchkey/v1/workspace_pb.ts";
import type { Labels, ProfileType as StoredProfileType } from "../db/schema.ts";
import type { MakerRef } from "../domain/access/principal.ts";
import { invalidField } from "../domain/kernel/error.ts";
import { etagOf } from "../domain/kernel/list.ts";
import type { Workspace } from "../domain/workspace/workspace.ts";

const profileTypes: Record<StoredProfileType, ProfileType> = {
  user: ProfileType.USER,
  service_account: ProfileType.SERVICE_ACCOUNT,
  api_key: ProfileType.API_KEY,
  system: ProfileType.SYSTEM,
};

// The range of google.protobuf.Timestamp.
const firstSecond = BigInt(Date.parse("0001-01-01T00:00:00Z") / 1000);
const lastSecond = BigInt(Date.parse("9999-12-31T23:59:59Z") / 1000);

/** Returns the message of a time, if there is one. */
export function timestamp(date: Date | null | undefined): Timestamp | undefined {
  return date ? timestampFromDate(date) : undefined;
}

/** Returns the time in a `field` of a request, if it is set. Fails if it is out of range. Binary messages can have such times. */
export function date(time: Timestamp | undefined, field: string): Date | undefined {
  if (!time) return undefined;
  if (time.seconds < firstSecond || time.seconds > lastSecond || time.nanos < 0 || time.nanos > 999_999_999) {
    throw invalidField(field, "expected a time between the years 1 and 9999");
  }
  return timestampDate(time);
}

/** Returns the metadata that every resource of an account has. */
export function metadataMessage(row: {
  id: string;
  account_id: string;
  name: string;
  created_by: string;
  created_at: Date;
  external_id: string;
  labels: Labels;
}): MessageInitShape<typeof AccountResourceMetadataSchema> {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    profileId: row.created_by,
    createdAt: timestampFromDate(row.created_at),
    externalId: row.external_id,
    labels: row.labels,
  };
}

/** Returns the message of a profile. */
export function profileMessage(accountId: string, profile: MakerRef): MessageInitShape<typeof ProfileSchema> {
  const { id, type, name, email, platformKeyId } = profile;
  const via = platformKeyId ? { via: "platform", keyId: platformKeyId } : {};
  return { metadata: { id, accountId, name }, spec: { type: profileTypes[type], name, email }, ...via };
}

/** Returns the message of a workspace. */
export function workspaceMessage(workspace: Workspace): MessageInitShape<typeof WorkspaceSchema> {
  const { info } = workspace;
  return {
    metadata: metadataMessage(workspace),
    spec: { description: workspace.description },
    ...(info && {
      info: {
        ...(info.createdBy && { createdBy: profileMessage(workspace.account_id, info.createdBy) }),
        membersTotal: info.membersTotal,
        archivedAt: timestamp(workspace.archived_at),
      },
    }),
    state: workspace.archived_at ? WorkspaceState.ARCHIVED : WorkspaceState.ACTIVE,
    etag: etagOf(workspace.version),
  };
}
