import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { useToast } from "../../ui/toast.tsx";
import { useCall } from "../../use-call.ts";
import { StillUsed } from "./still-used.tsx";
import { useFreshKey } from "./use-fresh-key.ts";
import { idOf, nameOf } from "./words.ts";

/** Asks before a key is disabled. */
export function DisableKey({ apiKey: listed, onClose }: { apiKey: ApiKey; onClose(): void }) {
  const apiKey = useFreshKey(listed);
  const toast = useToast();
  const call = useCall(ApiKeyService.method.disableApiKey, () =>
    toast(`“${nameOf(apiKey)}” is disabled on every instance.`),
  );
  return (
    <Confirm
      title={`Disable “${nameOf(apiKey)}”?`}
      action="Disable key"
      onConfirm={() => call.mutateAsync({ id: idOf(apiKey) })}
      onClose={onClose}
    >
      <p>
        Every instance rejects its tokens until you enable the key again. Invites that the key made end
        permanently.
      </p>
      <StillUsed apiKey={apiKey} />
    </Confirm>
  );
}

/** Asks before a key is enabled again. */
export function EnableKey({ apiKey, onClose }: { apiKey: ApiKey; onClose(): void }) {
  const toast = useToast();
  const call = useCall(ApiKeyService.method.enableApiKey, () => toast(`“${nameOf(apiKey)}” is enabled.`));
  return (
    <Confirm
      title={`Enable “${nameOf(apiKey)}”?`}
      action="Enable key"
      danger={false}
      onConfirm={() => call.mutateAsync({ id: idOf(apiKey) })}
      onClose={onClose}
    >
      <p>Its live tokens are accepted again, with its permissions and workspaces.</p>
    </Confirm>
  );
}
