import { useState } from "react";

/**
 * Returns the id of the request that a dialog makes. It stays the same while the dialog is open. So a second attempt after a
 * lost response does not make the thing twice.
 */
export function useRequestId(): string {
  return useState(() => crypto.randomUUID())[0];
}
