import { createClient } from "@connectrpc/connect";
import { useState } from "react";
import { SessionService } from "../gen/latchkey/v1/session_service_pb.ts";
import { useConnection } from "./connection.ts";
import { violationsOf } from "./errors.ts";
import { InsecureNotice } from "./insecure-notice.tsx";
import { Button } from "./ui/button.tsx";
import { ErrorNote } from "./ui/error-note.tsx";
import { TextField } from "./ui/field.tsx";
import { Form } from "./ui/form.tsx";
import { useAction } from "./use-action.ts";

/** Asks for the e-mail address and the password, and logs in. */
export function LogInForm({ onDone, email: known = "" }: { onDone(): unknown; email?: string | undefined }) {
  const { transport } = useConnection();
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState("");
  const { run, busy, error } = useAction(async () => {
    await createClient(SessionService, transport).logIn({ email, password });
    await onDone();
  });
  const violations = violationsOf(error);
  return (
    <Form onSubmit={run}>
      <InsecureNotice />
      <TextField
        label="E-mail address"
        type="email"
        value={email}
        onChange={setEmail}
        error={violations.email}
        autoComplete="username"
        autoFocus={known === ""}
        required
      />
      <TextField
        label="Password"
        type="password"
        value={password}
        onChange={setPassword}
        error={violations.password}
        autoComplete="current-password"
        autoFocus={known !== ""}
        required
      />
      <ErrorNote error={error} shown={["email", "password"]} />
      <Button type="submit" variant="primary" className="full" busy={busy}>
        Log in
      </Button>
    </Form>
  );
}
