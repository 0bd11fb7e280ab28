import { createClient } from "@connectrpc/connect";
import { useEffect } from "react";
import { ProfileService } from "../gen/latchkey/v1/profile_service_pb.ts";
import { useConnection } from "./connection.ts";
import { reasonOf } from "./errors.ts";
import { LogInForm } from "./log-in-form.tsx";
import { useStore } from "./store.ts";
import { Button } from "./ui/button.tsx";
import { Dialog } from "./ui/dialog.tsx";

/** Asks the user to log in again above the page, so that unfinished work stays. */
export function LogInDialog() {
  const { renewal, transport, user, tabs } = useConnection();
  const needed = useStore(renewal.needed);
  // The user may have logged in again in another tab.
  useEffect(() => tabs.listen((message) => message === "signed-in" && needed && void resume()));
  async function resume(): Promise<void> {
    // The page shows what the user of the old session may see.
    if ((await currentUser()) !== user.get()) return location.reload();
    renewal.renewed();
  }
  async function currentUser(): Promise<string | undefined> {
    try {
      const { principal } = await createClient(ProfileService, transport).whoAmI({});
      return principal?.userId;
    } catch (error) {
      // The user of the new session is no member of the account.
      if (reasonOf(error).startsWith("ACCOUNT_")) return undefined;
      throw error;
    }
  }
  if (!needed) return null;
  return (
    <Dialog
      title="Your session has ended"
      description="Log in to continue. The page below keeps what you typed."
      role="alertdialog"
      onClose={() => undefined}
    >
      <LogInForm
        onDone={async () => {
          tabs.tell("signed-in");
          await resume();
        }}
      />
      <footer className="actions">
        <Button variant="ghost" onClick={() => location.assign("/console/")}>
          Leave this page
        </Button>
      </footer>
    </Dialog>
  );
}
