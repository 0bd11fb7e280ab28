import type { Principal, PrincipalKind } from "../../domain/access/principal.ts";

/** The headers in which a gateway tells its upstream the bearer of a request, in the order in which room is given to them. */
export const identityHeaders = [
  "latchkey-account-id",
  "latchkey-profile-id",
  "latchkey-principal-kind",
  "latchkey-user-id",
  "latchkey-key-id",
  "latchkey-environment",
  "latchkey-account-external-id",
  "latchkey-key-external-id",
  "latchkey-permissions",
  "latchkey-workspace-ids",
  "latchkey-key-name",
  "latchkey-omitted",
] as const;

/** The name of an identity header. */
export type IdentityHeader = (typeof identityHeaders)[number];

/** The values of all identity headers. A value is empty if it does not apply. */
export type Identity = Record<IdentityHeader, string>;

/**
 * The most bytes that the values have in total. The head of the response then fits in 4 KiB, which is all that nginx accepts
 * by default.
 */
export const maxIdentityBytes = 2_800;

const kinds: Record<PrincipalKind, string> = {
  user: "user",
  application: "application_key",
  service: "service_key",
  developer: "developer_key",
};

/**
 * Returns the identity headers of a principal. A value that does not fit in the total is left out as a whole, never cut, and
 * `latchkey-omitted` names its header. So a long list never looks like a shorter one.
 */
export function identityOf(principal: Principal): Identity {
  const { key, workspaceScope } = principal;
  const values: Identity = {
    "latchkey-account-id": principal.accountId,
    "latchkey-profile-id": principal.profile.id,
    "latchkey-principal-kind": kinds[principal.kind],
    "latchkey-user-id": principal.userId ?? "",
    "latchkey-key-id": principal.keyId ?? "",
    "latchkey-environment": principal.environment ?? "",
    "latchkey-account-external-id": encodeValue(principal.accountExternalId),
    "latchkey-key-external-id": encodeValue(key?.externalId ?? ""),
    "latchkey-permissions": principal.permissions.join(","),
    "latchkey-workspace-ids": workspaceScope === "all" ? "*" : principal.workspaceIds.join(","),
    "latchkey-key-name": encodeValue(key?.name ?? ""),
    "latchkey-omitted": "",
  };
  let left = maxIdentityBytes;
  const omitted: IdentityHeader[] = [];
  for (const name of identityHeaders) {
    if (values[name].length <= left) left -= values[name].length;
    else {
      values[name] = "";
      omitted.push(name);
    }
  }
  values["latchkey-omitted"] = omitted.join(",");
  return values;
}

/** The identity headers without a bearer: all of them, and all empty. */
export const noIdentity = Object.freeze(
  Object.fromEntries(identityHeaders.map((name) => [name, ""])),
) as Readonly<Identity>;

/**
 * Returns a text as the value of a header: percent-encoded UTF-8 (RFC 3986). Only letters, digits and `-_.~:/@` stay as they
 * are. So no quote, comma, brace, dollar sign or line break reaches a gateway. `decodeURIComponent` returns the text again.
 */
export function encodeValue(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%(?:3A|2F|40)/g, decodeURIComponent);
}
