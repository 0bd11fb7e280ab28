import { createClient } from "@connectrpc/connect";
import { useState } from "react";
import { Link } from "wouter";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { violationsOf } from "../../errors.ts";
import { InsecureNotice } from "../../insecure-notice.tsx";
import { Notice } from "../../notice.tsx";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { useAction } from "../../use-action.ts";
import { useSignedIn } from "../../use-signed-in.ts";

const fields = ["name", "account_name", "email", "password"];

/** Makes a user and an account, and signs the user in. */
export function SignUpPage() {
  const { transport } = useConnection();
  const signedIn = useSignedIn();
  const [values, setValues] = useState({ name: "", accountName: "", email: "", password: "" });
  const { run, busy, error } = useAction(async () => {
    const { account } = await createClient(SessionService, transport).signUp(values);
    await signedIn("/", account?.metadata?.id);
  });
  const violations = violationsOf(error);
  const bind = (name: keyof typeof values) => ({
    value: values[name],
    onChange: (value: string) => setValues((all) => ({ ...all, [name]: value })),
    required: true,
  });
  return (
    <Notice
      title="Create your account"
      foot={
        <p>
          Already signed up? <Link to="/log-in">Log in</Link>
        </p>
      }
    >
      <Form onSubmit={run}>
        <InsecureNotice />
        <TextField
          label="Your name"
          {...bind("name")}
          error={violations.name}
          autoComplete="name"
          autoFocus
        />
        <TextField
          label="Account name"
          {...bind("accountName")}
          error={violations.account_name}
          hint="Your company or team. You can change it later."
          autoComplete="organization"
        />
        <TextField
          label="E-mail address"
          type="email"
          {...bind("email")}
          error={violations.email}
          autoComplete="username"
        />
        <TextField
          label="Password"
          type="password"
          {...bind("password")}
          error={violations.password}
          hint="10 to 128 characters that are not easy to guess."
          autoComplete="new-password"
        />
        <ErrorNote error={error} shown={fields} />
        <Button type="submit" variant="primary" className="full" busy={busy}>
          Create account
        </Button>
      </Form>
    </Notice>
  );
}
