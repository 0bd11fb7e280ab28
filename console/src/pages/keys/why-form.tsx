import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { TokenService, type VerifyTokenResponse } from "../../../gen/latchkey/v1/token_service_pb.ts";
import type { Workspace } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { WorkspaceService } from "../../../gen/latchkey/v1/workspace_service_pb.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Select, TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { useCall } from "../../use-call.ts";
import { Explanation } from "./explanation.tsx";
import { type EnvironmentName, environments } from "./filter.ts";
import { findToken } from "./token-form.ts";
import { environmentChoices, idOf, nameOf } from "./words.ts";

const shownWorkspaces = 200;

/** Asks for a token and what it is used for, and shows the outcome of every rule. The token stays in memory. */
// Over 60 lines: one form, whose fields share its state.
export function WhyForm({ apiKey }: { apiKey?: ApiKey }) {
  const [token, setToken] = useState("");
  const [permissions, setPermissions] = useState("");
  const [workspaceId, setWorkspaceId] = useState("");
  const [environment, setEnvironment] = useState<EnvironmentName | "">("");
  const [answer, setAnswer] = useState<VerifyTokenResponse>();
  const workspaces = useQuery(WorkspaceService.method.listWorkspaces, { limit: shownWorkspaces });
  const call = useCall(TokenService.method.verifyToken, setAnswer);
  const found = findToken(token);
  const other = apiKey && found?.keyId && found.keyId !== idOf(apiKey);
  function check() {
    if (call.isPending || token.trim() === "") return;
    setAnswer(undefined);
    call.mutate({
      token: token.trim(),
      dryRun: true,
      workspaceId,
      requiredPermissions: permissions.split(/[\s,]+/).filter((one) => one !== ""),
      ...(environment && { environment: environments[environment] }),
    });
  }
  return (
    <>
      <Form onSubmit={check} label="Check a token">
        <TextField
          label="Token"
          hint="It is sent to the server once, and stored nowhere."
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={token}
          onChange={setToken}
        />
        {other && (
          <Banner tone="warning">{`This token belongs to another key than “${nameOf(apiKey)}”.`}</Banner>
        )}
        <TextField
          label="Required permissions"
          hint="Optional: what the refused request needed, such as runs:start."
          autoComplete="off"
          spellCheck={false}
          value={permissions}
          onChange={setPermissions}
        />
        <div className="fields">
          <Select
            label="Required workspace"
            value={workspaceId}
            onChange={setWorkspaceId}
            choices={[{ value: "", label: "Any" }, ...(workspaces.data?.items ?? []).map(choiceOf)]}
          />
          <Select
            label="Required environment"
            value={environment}
            onChange={(next: EnvironmentName | "") => setEnvironment(next)}
            choices={[{ value: "", label: "Any" }, ...environmentChoices]}
          />
        </div>
        <ErrorNote error={call.error} />
        <footer className="actions">
          <Button type="submit" variant="primary" busy={call.isPending} disabled={token.trim() === ""}>
            Check the token
          </Button>
        </footer>
      </Form>
      {answer && <Explanation answer={answer} />}
    </>
  );
}

function choiceOf({ metadata }: Workspace): { value: string; label: string } {
  return { value: metadata?.id ?? "", label: metadata?.name ?? "" };
}
