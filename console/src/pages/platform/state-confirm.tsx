import { useMutation } from "@connectrpc/connect-query";
import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { useToast } from "../../ui/toast.tsx";
import { idOf, nameOf } from "./account-tasks.ts";

/** Asks before an account is suspended or resumed. */
export function StateConfirm({
  account,
  name,
  onClose,
}: {
  account: Account;
  name: "suspend" | "resume";
  onClose(): void;
}) {
  const suspend = useMutation(AccountService.method.suspendAccount);
  const resume = useMutation(AccountService.method.resumeAccount);
  const show = useToast();
  const suspending = name === "suspend";
  async function change(): Promise<void> {
    await (suspending ? suspend : resume).mutateAsync({ accountId: idOf(account) });
    show(`${nameOf(account)} is ${suspending ? "suspended" : "active"}.`);
  }
  return (
    <Confirm
      title={suspending ? `Suspend ${nameOf(account)}?` : `Resume ${nameOf(account)}?`}
      action={suspending ? "Suspend" : "Resume"}
      danger={suspending}
      onConfirm={change}
      onClose={onClose}
    >
      <p>
        {suspending
          ? "All keys and people of the account are rejected at once, on every instance. Nothing is deleted."
          : "The credentials of the account work again, except those that have ended meanwhile."}
      </p>
    </Confirm>
  );
}
