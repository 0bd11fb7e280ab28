import { type DescMethod, type Message, toBinary } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import type { Turn, TurnKind } from "../../db/turn-shares.ts";
import type { Call } from "../../domain/access/principal.ts";
import { turnName } from "../../domain/kernel/turn.ts";
import { type Bearer, recordOf } from "./context.ts";

// Some connections are reserved for calls that take something away.
const withdrawals = /^(Revoke|Disable|Suspend|LogOut|Remove|Delete|Archive)/;

/** Returns whether an RPC takes something away, by the first word of its name. */
export function isWithdrawal({ name }: Pick<DescMethod, "name">): boolean {
  return withdrawals.test(name);
}

/** A call, as an interceptor receives it. */
interface TurnRequest {
  method: DescMethod;
  contextValues: ContextValues;
  message: Message | AsyncIterable<Message>;
}

/** Returns the turn in which a call takes connections. Its subject is the bearer's account or user, or else the client address. */
export function turnOf({ method, contextValues, message }: TurnRequest): Turn {
  const kind: TurnKind = isWithdrawal(method) ? "withdrawal" : "read";
  const { addressKey, bearer } = recordOf(contextValues);
  const { subject, caller } = subjectOf(bearer, addressKey);
  const limited = bearer.type !== "anonymous";
  const bytes = () => (isMessage(message) ? toBinary(method.input, message).length : 0);
  return { kind, subjects: [subject], caller, limited, bytes };
}

/** Returns the turn of a call whose bearer is not evaluated yet. Its subject is the client address. */
export function turnBeforeBearer({ addressKey }: Pick<Call, "addressKey">): Turn {
  return { kind: "read", subjects: [addressKey], caller: addressKey, limited: false };
}

function subjectOf(bearer: Bearer, addressKey: string): { subject: string; caller: string } {
  switch (bearer.type) {
    case "principal":
      return { subject: bearer.caller.accountId, caller: turnName(bearer.caller) };
    case "user":
      return { subject: bearer.user.userId, caller: bearer.user.authority.credentialId };
    case "anonymous":
      return { subject: addressKey, caller: addressKey };
  }
}

function isMessage(message: Message | AsyncIterable<Message>): message is Message {
  return "$typeName" in message;
}
