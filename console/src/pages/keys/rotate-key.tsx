import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { useState } from "react";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Select } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { useCall } from "../../use-call.ts";
import { LiveTokens } from "./live-tokens.tsx";
import type { Issued } from "./tasks.ts";
import { useFreshKey } from "./use-fresh-key.ts";
import { idOf, nameOf } from "./words.ts";

const minuteMs = 60_000;
const graces = [
  { value: "0", label: "No time: they end now", ms: 0 },
  { value: "15m", label: "15 minutes", ms: 15 * minuteMs },
  { value: "1h", label: "1 hour", ms: 60 * minuteMs },
  { value: "6h", label: "6 hours", ms: 360 * minuteMs },
  { value: "24h", label: "24 hours", ms: 1_440 * minuteMs },
  { value: "3d", label: "3 days", ms: 4_320 * minuteMs },
  { value: "7d", label: "7 days", ms: 10_080 * minuteMs },
] as const;

/** Mints a new token for a key. The old ones end after a grace period. */
export function RotateKey({
  apiKey: listed,
  onIssued,
  onClose,
}: {
  apiKey: ApiKey;
  onIssued(issued: Issued): void;
  onClose(): void;
}) {
  const apiKey = useFreshKey(listed);
  const [grace, setGrace] = useState<string>("24h");
  const call = useCall(ApiKeyService.method.rotateApiKey, ({ apiKey: key }) => {
    onClose();
    if (key) onIssued({ key, token: key.spec?.token ?? "", by: "rotation" });
  });
  const tokens = apiKey.info?.tokens ?? [];
  const ms = graces.find(({ value }) => value === grace)?.ms ?? 0;
  const rotate = () => call.isPending || call.mutate({ id: idOf(apiKey), gracePeriod: durationFromMs(ms) });
  return (
    <Dialog
      title={`Rotate “${nameOf(apiKey)}”`}
      description="The key gets a new token. Its id, permissions, workspaces and end stay the same."
      size="wide"
      onClose={() => call.isPending || onClose()}
    >
      <Form onSubmit={rotate}>
        {tokens.length > 0 && <LiveTokens tokens={tokens} />}
        {tokens.length > 0 && (
          <Select
            label="The earlier tokens work for"
            hint="Long enough to replace the token everywhere. The details of the key show which token is still used."
            value={grace}
            onChange={setGrace}
            choices={graces}
          />
        )}
        {ms === 0 && tokens.length > 0 && (
          <Banner tone="warning">
            Programs with an earlier token are rejected as soon as the new token exists.
          </Banner>
        )}
        <ErrorNote error={call.error} />
        <footer className="actions">
          <Button onClick={onClose} disabled={call.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={call.isPending}>
            Rotate key
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}
