import { useMutation } from "@connectrpc/connect-query";
import type { Profile } from "../../../gen/latchkey/v1/profile_pb.ts";
import { ProfileService } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { useSession } from "../../session.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Asks before a person is removed from the account, or leaves it. */
export function RemovePerson({ person, onClose }: { person: Profile; onClose(): void }) {
  const toast = useToast();
  const { account } = useConnection();
  const { profile } = useSession();
  const remove = useMutation(ProfileService.method.removeProfile);
  const { id = "" } = person.metadata ?? {};
  const name = person.spec?.name ?? "";
  const own = id === profile.metadata?.id;
  return (
    <Confirm
      title={own ? "Leave this account?" : `Remove ${name} from the account?`}
      action={own ? "Leave" : "Remove"}
      onConfirm={async () => {
        await remove.mutateAsync({ id });
        toast(own ? "You left the account." : `${name} is no longer in the account.`);
        // The user acts in another of their accounts now, or chooses one.
        if (own) account.set(undefined);
      }}
      onClose={onClose}
    >
      <p>
        {own ? "Your" : "Their"} developer keys and pending invites end at once, and {own ? "your" : "their"}{" "}
        sessions no longer work in this account. Everything else that {own ? "you" : "they"} made stays.
      </p>
    </Confirm>
  );
}
