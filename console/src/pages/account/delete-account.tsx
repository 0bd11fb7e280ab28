import { useMutation } from "@connectrpc/connect-query";
import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Asks before the account is deleted. The user types its name. */
export function DeleteAccount({ account, onClose }: { account: Account; onClose(): void }) {
  const toast = useToast();
  const connection = useConnection();
  const remove = useMutation(AccountService.method.deleteAccount);
  const name = account.metadata?.name ?? "";
  return (
    <Confirm
      title={`Delete the account “${name}”?`}
      action="Delete account"
      typed={name}
      onConfirm={async () => {
        await remove.mutateAsync({ name });
        toast(`The account “${name}” is deleted.`);
        connection.account.set(undefined);
      }}
      onClose={onClose}
    >
      <p>
        All of its keys stop working at once, and no member can act in it. After a waiting period, its data is
        removed. Until then, the platform can resume it.
      </p>
    </Confirm>
  );
}
