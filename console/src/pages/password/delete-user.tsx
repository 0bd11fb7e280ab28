import { createClient } from "@connectrpc/connect";
import { useState } from "react";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { TextField } from "../../ui/field.tsx";
import { Section } from "../../ui/layout.tsx";

/** Erases the user. */
export function DeleteUser() {
  const { transport, tabs, user } = useConnection();
  const { profile } = useSession();
  const [asking, setAsking] = useState(false);
  const [password, setPassword] = useState("");
  async function erase(): Promise<void> {
    await createClient(SessionService, transport).deleteUser({ password });
    user.set(undefined);
    tabs.tell("signed-out");
    location.assign("/console/");
  }
  return (
    <Section
      title="Delete your user"
      description="Erases your name, e-mail address, password and sessions, and ends your developer keys."
      actions={
        <Button variant="danger" onClick={() => setAsking(true)}>
          Delete user…
        </Button>
      }
    >
      {asking && (
        <Confirm
          title="Delete your user?"
          action="Delete user"
          typed={profile.spec?.email ?? ""}
          onConfirm={erase}
          onClose={() => setAsking(false)}
        >
          <p>You leave every account. This cannot be undone.</p>
          <TextField
            label="Your password"
            type="password"
            value={password}
            onChange={setPassword}
            autoComplete="current-password"
          />
        </Confirm>
      )}
    </Section>
  );
}
