import { useMutation } from "@connectrpc/connect-query";
import type { ServiceAccount } from "../../../gen/latchkey/v1/service_account_pb.ts";
import { ServiceAccountService } from "../../../gen/latchkey/v1/service_account_service_pb.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Asks before a service account is deleted with its keys. */
export function DeleteServiceAccount({ account, onClose }: { account: ServiceAccount; onClose(): void }) {
  const toast = useToast();
  const remove = useMutation(ServiceAccountService.method.deleteServiceAccount);
  const { id = "", name = "" } = account.metadata ?? {};
  const keys = account.info?.apiKeysTotal ?? 0;
  return (
    <Confirm
      title={`Delete the service account “${name}”?`}
      action="Delete service account"
      {...(keys > 0 && { typed: name })}
      onConfirm={async () => {
        await remove.mutateAsync({ id });
        toast(`The service account “${name}” is deleted, and no server accepts its keys any more.`);
      }}
      onClose={onClose}
    >
      {keys === 0 ? (
        <p>It has no live keys.</p>
      ) : (
        <p>
          Its {keys === 1 ? "live key ends" : `${keys} live keys end`} at once and permanently. Software that
          uses
          {keys === 1 ? " it" : " them"} stops working.
        </p>
      )}
    </Confirm>
  );
}
