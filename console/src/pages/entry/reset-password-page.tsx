import { createClient } from "@connectrpc/connect";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { violationsOf } from "../../errors.ts";
import { InsecureNotice } from "../../insecure-notice.tsx";
import { Notice } from "../../notice.tsx";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { useToast } from "../../ui/toast.tsx";
import { useAction } from "../../use-action.ts";

/** Mails a token to the user, and sets a new password with it. */
export function ResetPasswordPage() {
  const [mailed, setMailed] = useState(false);
  return (
    <Notice
      title="Reset your password"
      foot={
        <p>
          <Link to="/log-in">Back to the log-in</Link>
        </p>
      }
    >
      <InsecureNotice />
      {mailed ? <NewPasswordForm /> : <AddressForm onMailed={() => setMailed(true)} />}
    </Notice>
  );
}

function AddressForm({ onMailed }: { onMailed(): void }) {
  const { transport } = useConnection();
  const [email, setEmail] = useState("");
  const { run, busy, error } = useAction(async () => {
    await createClient(SessionService, transport).requestPasswordReset({ email });
    onMailed();
  });
  return (
    <Form onSubmit={run}>
      <TextField
        label="E-mail address"
        type="email"
        value={email}
        onChange={setEmail}
        error={violationsOf(error).email}
        hint="The server mails a token to this address."
        autoComplete="username"
        autoFocus
        required
      />
      <ErrorNote error={error} shown={["email"]} />
      <Button type="submit" variant="primary" className="full" busy={busy}>
        Mail me a token
      </Button>
      <Button variant="ghost" className="full" onClick={onMailed}>
        I have a token
      </Button>
    </Form>
  );
}

function NewPasswordForm() {
  const { transport } = useConnection();
  const [, navigate] = useLocation();
  const show = useToast();
  const [token, setToken] = useState("");
  const [password, setPassword] = useState("");
  const { run, busy, error } = useAction(async () => {
    await createClient(SessionService, transport).resetPassword({ token: token.trim(), password });
    show("The password is set. Log in with it.");
    navigate("/log-in");
  });
  const violations = violationsOf(error);
  return (
    <Form onSubmit={run}>
      <Banner>If the address has a user, a mail with a token is on its way. The token works once.</Banner>
      <TextField
        label="Token from the mail"
        value={token}
        onChange={setToken}
        error={violations.token}
        autoComplete="one-time-code"
        spellCheck={false}
        autoFocus
        required
      />
      <TextField
        label="New password"
        type="password"
        value={password}
        onChange={setPassword}
        error={violations.password}
        hint="10 to 128 characters that are not easy to guess. All sessions end."
        autoComplete="new-password"
        required
      />
      <ErrorNote error={error} shown={["token", "password"]} />
      <Button type="submit" variant="primary" className="full" busy={busy}>
        Set the password
      </Button>
    </Form>
  );
}
