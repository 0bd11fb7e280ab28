import { createClient } from "@connectrpc/connect";
import { useState } from "react";
import { Link } from "wouter";
import { InviteService } from "../../../gen/latchkey/v1/invite_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { reasonOf, violationsOf } from "../../errors.ts";
import { InsecureNotice } from "../../insecure-notice.tsx";
import { LogInForm } from "../../log-in-form.tsx";
import { Notice } from "../../notice.tsx";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { type Action, useAction } from "../../use-action.ts";
import { useSignedIn } from "../../use-signed-in.ts";

interface Values {
  token: string;
  name: string;
  password: string;
}

/** Accepts an invite: as a new user, or as the signed-in one. */
export function AcceptInvitePage() {
  const signedIn = useSignedIn();
  const [values, setValues] = useState<Values>({ token: "", name: "", password: "" });
  const { run, busy, error } = useAccept(values, (accountId) => signedIn("/", accountId));
  if (reasonOf(error) === "LOGIN_REQUIRED") {
    return (
      <Notice title="Log in to accept the invite">
        <Banner>
          The e-mail address of this invite already has a user. Log in as that user to join the account.
        </Banner>
        <LogInForm onDone={run} />
      </Notice>
    );
  }
  return (
    <Notice
      title="Accept an invite"
      foot={
        <p>
          Already joined? <Link to="/log-in">Log in</Link>
        </p>
      }
    >
      <InviteForm values={values} onChange={setValues} onSubmit={run} busy={busy} error={error} />
    </Notice>
  );
}

function InviteForm({
  values,
  onChange,
  onSubmit,
  busy,
  error,
}: {
  values: Values;
  onChange(values: Values): void;
  onSubmit(): void;
  busy: boolean;
  error: unknown;
}) {
  const violations = violationsOf(error);
  const mistyped = values.token !== "" && !inviteIdOf(values.token);
  const bind = (name: keyof Values) => ({
    value: values[name],
    onChange: (value: string) => onChange({ ...values, [name]: value }),
  });
  return (
    <Form onSubmit={() => mistyped || onSubmit()}>
      <InsecureNotice />
      <TextField
        label="Invite token"
        {...bind("token")}
        error={mistyped ? "This is not an invite token. Copy all of it from the mail." : violations.token}
        hint="The token from the mail, or from the person who invited you. It contains “inv”."
        autoComplete="off"
        spellCheck={false}
        autoFocus
        required
      />
      <TextField
        label="Your name"
        {...bind("name")}
        error={violations.name}
        hint="Leave the name and the password empty if you already have a user and are logged in."
        autoComplete="name"
      />
      <TextField
        label="Password"
        type="password"
        {...bind("password")}
        error={violations.password}
        hint="10 to 128 characters that are not easy to guess."
        autoComplete="new-password"
      />
      <ErrorNote error={error} shown={["token", "name", "password"]} />
      <Button type="submit" variant="primary" className="full" busy={busy}>
        Accept invite
      </Button>
    </Form>
  );
}

function useAccept(values: Values, onAccepted: (accountId: string | undefined) => Promise<void>): Action {
  const { transport } = useConnection();
  return useAction(async () => {
    const { token, ...user } = values;
    const request = { id: inviteIdOf(token) ?? "", token: token.trim(), ...user };
    const { account } = await createClient(InviteService, transport).acceptInvite(request);
    await onAccepted(account?.metadata?.id);
  });
}

/** Returns the id of the invite that a token belongs to, or undefined if the text is no invite token. */
export function inviteIdOf(token: string): string | undefined {
  const [, id] = /[-_]inv[-_]([0-7][0-9a-hjkmnp-tv-z]{25})[0-9A-Za-z]{38}$/.exec(token.trim()) ?? [];
  return id && `inv_${id}`;
}
