import type { ConnectError } from "@connectrpc/connect";
import type { Vocabulary } from "../../domain/access/permission-vocabulary.ts";
import type { ErrorPolicy } from "../middleware/errors.ts";
import type { RefusalStatus } from "./refusal-status.ts";
import type { SubjectDeps } from "./subject.ts";

/** What the endpoints for gateways depend on. */
export interface GatewayDeps extends SubjectDeps {
  errors: ErrorPolicy;
  /** The permissions that this deployment knows, if it lists them. */
  vocabulary: Vocabulary | undefined;
  /** Returns the headers and the body of a refusal, in the format that the client's `Accept` header asks for. */
  errorBody(error: ConnectError, status: RefusalStatus, accept: string | null): ErrorBody;
  /** Called if the rule of a route has a mistake, with a sentence that names it. */
  onWrongRule(message: string): void;
}

/** The headers and the body of a refusal. */
export interface ErrorBody {
  headers: Record<string, string>;
  body: string;
}
