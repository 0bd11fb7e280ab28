import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { useRequestId } from "../../parts/request-id.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextArea, TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { linesOf } from "./entitlements-dialog.tsx";

/** Opens an account without an owner. */
export function OpenAccountDialog({ onClose }: { onClose(): void }) {
  const [name, setName] = useState("");
  const [externalId, setExternalId] = useState("");
  const [entitlements, setEntitlements] = useState("");
  const requestId = useRequestId();
  const open = useMutation(AccountService.method.openAccount, { onSuccess: onClose });
  const violations = violationsOf(open.error);
  const metadata = { name, externalId };
  return (
    <Dialog
      title="Open account"
      description="The account has no owner until you invite one."
      onClose={onClose}
    >
      <Form onSubmit={() => open.mutate({ metadata, entitlements: linesOf(entitlements), requestId })}>
        <TextField
          label="Account name"
          value={name}
          onChange={setName}
          error={violations["metadata.name"]}
          autoComplete="off"
          autoFocus
        />
        <TextField
          label="External id"
          hint="Optional. The id of the customer in your own systems."
          value={externalId}
          onChange={setExternalId}
          error={violations["metadata.external_id"]}
          autoComplete="off"
          spellCheck={false}
        />
        <TextArea
          label="Entitlements"
          hint="Optional. One per line, such as realtime or max_api_keys=100."
          value={entitlements}
          onChange={setEntitlements}
          spellCheck={false}
        />
        <ErrorNote error={open.error} shown={["metadata.name", "metadata.external_id"]} />
        <footer className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" busy={open.isPending}>
            Open account
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}
