import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { Card, Section } from "../../ui/layout.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Changes the password of the user. */
export function PasswordForm() {
  const { profile } = useSession();
  const show = useToast();
  const [oldPassword, setOld] = useState("");
  const [newPassword, setNew] = useState("");
  const change = useMutation(SessionService.method.changePassword, {
    onSuccess: () => {
      setOld("");
      setNew("");
      show("The password is changed. All other sessions have ended.");
    },
  });
  const violations = violationsOf(change.error);
  return (
    <Section title="Password" description="A new password ends all of your other sessions.">
      <Card>
        <Form label="Change of the password" onSubmit={() => change.mutate({ oldPassword, newPassword })}>
          {/* Password managers store the new password under this name. */}
          <input type="email" hidden readOnly autoComplete="username" value={profile.spec?.email ?? ""} />
          <TextField
            label="Current password"
            type="password"
            value={oldPassword}
            onChange={setOld}
            error={violations.old_password}
            autoComplete="current-password"
            required
          />
          <TextField
            label="New password"
            type="password"
            value={newPassword}
            onChange={setNew}
            error={violations.new_password}
            hint="10 to 128 characters that are not easy to guess."
            autoComplete="new-password"
            required
          />
          <ErrorNote error={change.error} shown={["old_password", "new_password"]} />
          <div className="actions">
            <Button type="submit" variant="primary" busy={change.isPending}>
              Change password
            </Button>
          </div>
        </Form>
      </Card>
    </Section>
  );
}
