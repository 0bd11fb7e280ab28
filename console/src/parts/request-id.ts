import { useState } from "react";

/** Returns a new id of a request. `crypto.randomUUID` does not exist on plain HTTP outside loopback. */
export function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Returns the id of the request that a dialog makes. It stays the same while the dialog is open. So a second attempt after a
 * lost response does not make the thing twice.
 */
export function useRequestId(): string {
  return useState(newRequestId)[0];
}
