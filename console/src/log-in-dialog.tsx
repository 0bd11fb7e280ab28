import { useEffect } from "react";
import { useConnection } from "./connection.ts";
import { LogInForm } from "./log-in-form.tsx";
import { useStore } from "./store.ts";
import { Button } from "./ui/button.tsx";
import { Dialog } from "./ui/dialog.tsx";

/** Asks the user to log in again above the page, so that unfinished work stays. */
export function LogInDialog() {
  const { renewal, resume, tabs } = useConnection();
  const needed = useStore(renewal.needed);
  // The user may have logged in again in another tab.
  useEffect(() => tabs.listen((message) => message === "signed-in" && needed && void resume()));
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
