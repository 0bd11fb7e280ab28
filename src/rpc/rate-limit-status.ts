import {
  clone,
  create,
  type DescField,
  isMessage,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import {
  type VerifyTokenResponse,
  VerifyTokenResponseSchema,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import { type RateLimitStatus, RateLimitStatusSchema } from "../../gen/latchkey/v1/verdict_pb.ts";
import type { LimitState } from "../verify/limits/bucket.ts";
import type { Taken } from "../verify/limits/store.ts";
import { timestamp } from "./messages.ts";

/** A field of a response that is different in each response, with its value. */
export interface Addition {
  field: DescField & { fieldKind: "message" };
  value: Message;
}

/** Returns the state of a rate limit for a response. */
export function rateLimitStatus({
  rule,
  remaining,
  resetAt,
}: LimitState): MessageInitShape<typeof RateLimitStatusSchema> {
  return { name: rule.name, limit: rule.limit, remaining, resetAt: timestamp(new Date(resetAt)) };
}

/** Returns the field `rate_limit` of a response that is otherwise sent again. */
export function rateLimitAddition({ states: [first] }: Taken): Addition | undefined {
  if (!first) return undefined;
  const value: RateLimitStatus = create(RateLimitStatusSchema, rateLimitStatus(first));
  return { field, value };
}

const field = fieldOf();

function fieldOf(): Addition["field"] {
  const { rateLimit } = VerifyTokenResponseSchema.field;
  if (rateLimit.fieldKind !== "message") throw new Error("rate_limit is a message");
  return rateLimit as Addition["field"];
}

/** Returns a response without the state of its rate limit. Only such a response can be sent again. */
export function withoutRateLimit(response: Message): Message {
  if (!isMessage(response, VerifyTokenResponseSchema) || !response.valid || !response.rateLimit)
    return response;
  const copy: VerifyTokenResponse = clone(VerifyTokenResponseSchema, response);
  delete copy.rateLimit;
  return copy;
}
