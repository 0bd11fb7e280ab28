import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import type { ApiKeyKind } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";

/** Which keys to revoke. A key matches if it matches every field that is set. */
export interface BulkFilter {
  labels?: string;
  kind?: ApiKeyKind;
  createdBy?: string;
  mintedByKeyId?: string;
}

/** A revocation of many keys: how far it is. */
export interface BulkRevocation {
  run(): Promise<void>;
  /** Stops after the batch that is under way. */
  stop(): void;
  running: boolean;
  /** The number of keys that were revoked. */
  done: number;
  /** The number of matching keys that are left, or undefined before the first batch. */
  left: number | undefined;
  error: unknown;
}

// Small enough that the progress moves and that a stop is effective soon.
const batchSize = 50;

/** Revokes the keys of a filter batch by batch, until none is left or the user stops it. */
export function useBulkRevocation(filter: BulkFilter): BulkRevocation {
  const client = createClient(ApiKeyService, useTransport());
  const queries = useQueryClient();
  const [state, setState] = useState({ running: false, done: 0, error: undefined as unknown });
  const [left, setLeft] = useState<number>();
  const stopped = useRef(false);
  const stop = useCallback(() => {
    stopped.current = true;
  }, []);
  // A closed dialog shows no progress.
  useEffect(() => stop, [stop]);
  async function run() {
    stopped.current = false;
    setState((now) => ({ ...now, running: true, error: undefined }));
    let failure: unknown;
    try {
      for (let remaining = 1; remaining > 0 && !stopped.current; ) {
        const { revokedCount, remainingCount } = await client.revokeApiKeys({ filter, limit: batchSize });
        remaining = remainingCount;
        setLeft(remainingCount);
        setState((now) => ({ ...now, done: now.done + revokedCount }));
      }
    } catch (error) {
      failure = error;
    }
    setState((now) => ({ ...now, running: false, error: failure }));
    void queries.invalidateQueries();
  }
  return { ...state, left, run, stop };
}
