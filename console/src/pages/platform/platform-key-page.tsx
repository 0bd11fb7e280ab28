import { createClient } from "@connectrpc/connect";
import { useState } from "react";
import { useLocation } from "wouter";
import { ProfileService } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { useConnection } from "../../connection.ts";
import { InsecureNotice } from "../../insecure-notice.tsx";
import { Notice } from "../../notice.tsx";
import { createConsoleTransport } from "../../transport.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { useAction } from "../../use-action.ts";

/** Asks for a key of the platform account. The key stays in the memory of this tab until the page loads again. */
export function PlatformKeyPage() {
  const { platform, reach } = useConnection();
  const [, navigate] = useLocation();
  const [key, setKey] = useState("");
  const { run, busy, error } = useAction(async () => {
    const token = key.trim();
    // Nothing else of the page uses the key before the server has said what it is.
    const transport = createConsoleTransport({ account: () => undefined, bearer: () => token, reach });
    const who = await createClient(ProfileService, transport).whoAmI({});
    if (!who.platform) throw new Error("this is no key of the platform account");
    platform.tenant.set(undefined);
    platform.key.set(token);
    navigate("/platform/accounts");
  });
  return (
    <Notice title="Administer the platform">
      <Form onSubmit={run}>
        <InsecureNotice />
        <Banner>
          The key stays in the memory of this tab. Load the page again to forget it. Use a key with no more
          permissions than you need.
        </Banner>
        <TextField
          label="Platform key"
          type="password"
          value={key}
          onChange={setKey}
          autoComplete="off"
          spellCheck={false}
          autoFocus
        />
        <ErrorNote error={error} />
        <Button type="submit" variant="primary" className="full" busy={busy} disabled={key.trim() === ""}>
          Continue
        </Button>
      </Form>
    </Notice>
  );
}
