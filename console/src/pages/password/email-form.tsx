import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { Card, Section } from "../../ui/layout.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Changes the e-mail address of the user: the server mails a token to the new one, and the user pastes it here. */
export function EmailForm() {
  return (
    <Section
      title="E-mail address"
      description="The server mails a token to the new address. The address changes when you paste the token."
    >
      <Card>
        <AddressForm />
      </Card>
      <Card>
        <ProofForm />
      </Card>
    </Section>
  );
}

function AddressForm() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const change = useMutation(SessionService.method.changeEmail, { onSuccess: () => setPassword("") });
  const violations = violationsOf(change.error);
  return (
    <Form label="Change of the address" onSubmit={() => change.mutate({ email, password })}>
      <TextField
        label="New e-mail address"
        type="email"
        value={email}
        onChange={setEmail}
        error={violations.email}
        autoComplete="email"
        required
      />
      <TextField
        label="Your password"
        type="password"
        value={password}
        onChange={setPassword}
        error={violations.password}
        autoComplete="current-password"
        required
      />
      <ErrorNote error={change.error} shown={["email", "password"]} />
      {change.isSuccess && <Banner tone="success">A mail with a token is on its way.</Banner>}
      <div className="actions">
        <Button type="submit" busy={change.isPending}>
          Mail me a token
        </Button>
      </div>
    </Form>
  );
}

function ProofForm() {
  const show = useToast();
  const [token, setToken] = useState("");
  const prove = useMutation(SessionService.method.proveEmail, {
    onSuccess: () => {
      setToken("");
      show("The e-mail address is changed.");
    },
  });
  return (
    <Form label="Proof of the address" onSubmit={() => prove.mutate({ token: token.trim() })}>
      <TextField
        label="Token from the mail"
        value={token}
        onChange={setToken}
        error={violationsOf(prove.error).token}
        autoComplete="one-time-code"
        spellCheck={false}
        required
      />
      <ErrorNote error={prove.error} shown={["token"]} />
      <div className="actions">
        <Button type="submit" busy={prove.isPending}>
          Use this address
        </Button>
      </div>
    </Form>
  );
}
