import type { AccountResourceMetadata } from "../../gen/latchkey/v1/resource_pb.ts";
import type { Labels } from "../db/schema.ts";

/** Returns the fields that every create request has. */
export function commonFields(request: {
  metadata?: AccountResourceMetadata | undefined;
  spec?: { description: string } | undefined;
  requestId: string;
}) {
  const { metadata, spec, requestId } = request;
  return {
    requestId,
    name: metadata?.name ?? "",
    description: spec?.description ?? "",
    externalId: metadata?.externalId ?? "",
    labels: metadata?.labels ?? {},
  };
}

/** The fields that every update may change. */
export type CommonPath = "metadata.name" | "metadata.labels" | "metadata.external_id" | "spec.description";

/** Returns the common fields that an update changes. */
export function commonUpdate(
  request: {
    id: string;
    etag: string;
    metadata?: AccountResourceMetadata | undefined;
    spec?: { description: string } | undefined;
  },
  changes: (path: CommonPath) => boolean,
): { id: string; etag: string; name?: string; labels?: Labels; externalId?: string; description?: string } {
  const { id, etag, metadata, spec } = request;
  return {
    id,
    etag,
    ...(changes("metadata.name") && { name: metadata?.name ?? "" }),
    ...(changes("metadata.labels") && { labels: metadata?.labels ?? {} }),
    ...(changes("metadata.external_id") && { externalId: metadata?.externalId ?? "" }),
    ...(changes("spec.description") && { description: spec?.description ?? "" }),
  };
}
