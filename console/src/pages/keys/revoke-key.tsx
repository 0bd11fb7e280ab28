import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { useSession } from "../../session.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Checkbox } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { exactTime } from "../../ui/time.tsx";
import { useCall } from "../../use-call.ts";
import { isInUse, StillUsed } from "./still-used.tsx";
import type { PageTask } from "./tasks.ts";
import { useFreshKey } from "./use-fresh-key.ts";
import { count, idOf, nameOf } from "./words.ts";

interface RevokeProps {
  apiKey: ApiKey;
  onTask(task: PageTask): void;
  onClose(): void;
}

/** Revokes a key: shows what still uses it, waits for every instance, and says since when the key is dead everywhere. */
export function RevokeKey({ apiKey: listed, onTask, onClose }: RevokeProps) {
  const apiKey = useFreshKey(listed);
  const [known, setKnown] = useState(false);
  const [revoked, setRevoked] = useState<ApiKey>();
  const call = useCall(ApiKeyService.method.revokeApiKey, ({ apiKey: key }) => setRevoked(key));
  if (revoked) return <Revoked apiKey={revoked} onTask={onTask} onClose={onClose} />;
  const inUse = isInUse(apiKey);
  const revoke = () => call.isPending || call.mutate({ id: idOf(apiKey) });
  return (
    <Dialog
      title={`Revoke “${nameOf(apiKey)}”?`}
      description="A revoked key never works again. To stop it only for a time, disable it."
      role="alertdialog"
      onClose={() => call.isPending || onClose()}
    >
      <Form onSubmit={revoke}>
        <StillUsed apiKey={apiKey} />
        {inUse && (
          <Checkbox
            label="I know that programs with this key stop working"
            checked={known}
            onChange={setKnown}
            disabled={call.isPending}
          />
        )}
        {call.isPending && (
          <p role="status" className="waiting">
            <span className="spinner" /> Waiting until every instance rejects the key…
          </p>
        )}
        <ErrorNote error={call.error} />
        <footer className="actions">
          <Button onClick={onClose} disabled={call.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant="danger" busy={call.isPending} disabled={inUse && !known}>
            Revoke key
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}

function Revoked({ apiKey, onTask, onClose }: RevokeProps) {
  const { can } = useSession();
  const filter = { mintedByKeyId: idOf(apiKey) };
  const minted = useQuery(
    ApiKeyService.method.revokeApiKeys,
    { filter, dryRun: true },
    { enabled: can("api_keys:manage") },
  );
  const left = minted.data?.remainingCount ?? 0;
  const since = apiKey.info?.effectiveAt;
  return (
    <Dialog
      title={`“${nameOf(apiKey)}” is revoked`}
      onClose={onClose}
      footer={
        <>
          {left > 0 && (
            <Button variant="danger" onClick={() => onTask({ name: "revoke-many", mintedBy: apiKey })}>
              {`Revoke ${count(left, "minted key")}…`}
            </Button>
          )}
          <Button variant="primary" onClick={onClose}>
            Done
          </Button>
        </>
      }
    >
      <Banner tone="success" title="The key is dead everywhere. ">
        {since && (
          <p>
            No instance has accepted it since{" "}
            <time dateTime={timestampDate(since).toISOString()}>{exactTime(timestampDate(since))}</time>.
          </p>
        )}
      </Banner>
      {left > 0 && (
        <Banner tone="warning" title={`It had minted ${count(left, "key")}. `}>
          <p>Those still work. If this key has leaked, revoke them too.</p>
        </Banner>
      )}
    </Dialog>
  );
}
