import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { type ApiKey, ApiKeyState } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { useOwner } from "../../parts/rank.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { Select } from "../../ui/field.tsx";
import { Facts, Section } from "../../ui/layout.tsx";
import { SecretDialog } from "../../ui/secret-dialog.tsx";
import { Time } from "../../ui/time.tsx";
import { useToast } from "../../ui/toast.tsx";
import { useCall } from "../../use-call.ts";

/** The system key of the account. Only owners rotate, disable and enable it. */
export function SystemKey({ apiKey }: { apiKey: ApiKey }) {
  const owner = useOwner();
  const [open, setOpen] = useState<"rotate" | "disable" | "enable">();
  const [token, setToken] = useState("");
  const disabled = apiKey.state === ApiKeyState.DISABLED;
  const close = () => setOpen(undefined);
  return (
    <Section
      title="System key"
      description="Every account has one. It may do everything in the account, cannot be revoked, and has no token until its first rotation."
      actions={
        owner && (
          <div className="actions">
            <Button onClick={() => setOpen(disabled ? "enable" : "disable")}>
              {disabled ? "Enable" : "Disable"}
            </Button>
            <Button onClick={() => setOpen("rotate")}>New token</Button>
          </div>
        )
      }
    >
      <Facts
        facts={[
          [
            "State",
            <Badge key="state" tone={disabled ? "warning" : "success"}>
              {disabled ? "Disabled" : "Active"}
            </Badge>,
          ],
          ["Last used", <Time key="used" value={apiKey.info?.lastUsedAt} />],
        ]}
      />
      {open === "rotate" && <Rotate onToken={setToken} onClose={close} />}
      {open === "disable" && <Disable onClose={close} />}
      {open === "enable" && <Enable onClose={close} />}
      {token !== "" && (
        <SecretDialog
          title="The new token of the system key"
          label="token"
          secret={token}
          fileName="system-key.txt"
          onClose={() => setToken("")}
        >
          <p>It may do everything in this account. Store it as you store a root password.</p>
        </SecretDialog>
      )}
    </Section>
  );
}

const graces = [
  { value: "0", label: "at once" },
  { value: "3600", label: "after 1 hour" },
  { value: "86400", label: "after 24 hours" },
  { value: "604800", label: "after 7 days" },
];

function Rotate({ onToken, onClose }: { onToken(token: string): void; onClose(): void }) {
  const [grace, setGrace] = useState("86400");
  const rotate = useCall(AccountService.method.rotateGlobalApiKey, ({ apiKey }) => {
    onToken(apiKey?.spec?.token ?? "");
    onClose();
  });
  return (
    <FormDialog
      title="New token for the system key"
      action="Make the token"
      change={rotate}
      onSubmit={() => rotate.mutate({ gracePeriod: { seconds: BigInt(grace) } })}
      onClose={onClose}
    >
      <Select label="Earlier tokens end" value={grace} onChange={setGrace} choices={graces} />
    </FormDialog>
  );
}

function Disable({ onClose }: { onClose(): void }) {
  const toast = useToast();
  const disable = useMutation(AccountService.method.disableGlobalApiKey);
  return (
    <Confirm
      title="Disable the system key?"
      action="Disable"
      onConfirm={async () => {
        await disable.mutateAsync({});
        toast("The system key is disabled. No server accepts its tokens.");
      }}
      onClose={onClose}
    >
      <p>No server accepts its tokens until an owner enables it again.</p>
    </Confirm>
  );
}

function Enable({ onClose }: { onClose(): void }) {
  const toast = useToast();
  const enable = useMutation(AccountService.method.enableGlobalApiKey);
  return (
    <Confirm
      title="Enable the system key?"
      action="Enable"
      danger={false}
      onConfirm={async () => {
        await enable.mutateAsync({});
        toast("The system key is enabled.");
      }}
      onClose={onClose}
    >
      <p>Its tokens are accepted again.</p>
    </Confirm>
  );
}
