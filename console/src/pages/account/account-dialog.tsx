import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { DraftFields, draftOf, draftPaths, isComplete, metadataFrom } from "../../parts/draft.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Changes the name, description, labels and external id of the account. */
export function AccountDialog({ account, onClose }: { account: Account; onClose(): void }) {
  const toast = useToast();
  const [draft, setDraft] = useState(() => draftOf(account));
  const update = useMutation(AccountService.method.updateAccount);
  function submit() {
    const metadata = metadataFrom(draft);
    const spec = { description: draft.description };
    const request = { metadata, spec, updateMask: { paths: [...draftPaths] }, etag: account.etag };
    update.mutate(request, {
      onSuccess: () => {
        toast("The account is changed.");
        onClose();
      },
    });
  }
  return (
    <FormDialog
      title="Edit the account"
      action="Save"
      change={update}
      shown={draftPaths}
      disabled={!isComplete(draft)}
      onSubmit={submit}
      onClose={onClose}
    >
      <DraftFields draft={draft} onChange={setDraft} error={update.error} />
    </FormDialog>
  );
}
