import { invalidField } from "./error.ts";
import { isAddress } from "./network.ts";

/** Fails if a field contains something else than an address. An empty field passes. */
export function requireAddress(text: string, field: string): void {
  if (text !== "" && !isAddress(text)) {
    throw invalidField(field, "expected an IPv4 or IPv6 address without a zone");
  }
}
