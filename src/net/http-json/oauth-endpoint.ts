import { answerCall } from "../fast-path/answer.ts";
import type { FastPathArrival, FastPathMethod, FastPathOptions } from "../fast-path/codec.ts";
import { countOfHeader } from "../raw-headers.ts";
import type { Request, Response } from "../request.ts";
import type { FairTurns } from "../turns.ts";
import { withAuthorization } from "./bearer.ts";
import type { Endpoint, EndpointOptions } from "./endpoints.ts";
import { isForm } from "./form.ts";
import { type OAuthFormat, oauthCodec } from "./oauth-codec.ts";
import { oauthErrorBody } from "./oauth-error.ts";
import { sendAnswer } from "./send.ts";

/** An endpoint of OAuth, and the method that answers its calls. */
export interface OAuthEndpoint {
  format: OAuthFormat;
  method: FastPathMethod;
  turns: FairTurns;
}

/** Creates an endpoint of OAuth. It refuses what is no POST of a form before it authorizes the call. */
export function oauthEndpoint(
  { format, method, turns }: OAuthEndpoint,
  options: FastPathOptions & Pick<EndpointOptions, "onOutcome" | "requestIdOf">,
): Endpoint {
  const codec = oauthCodec(format);
  const withAliases = {
    ...method,
    authorize: (arrival: FastPathArrival) =>
      method.authorize({ ...arrival, requestHeader: withAuthorization(arrival.requestHeader) }),
  };

  function refuse(request: Request, response: Response, status: number, description: string): void {
    options.onOutcome(request, format.form, "invalid_argument");
    const headers = {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-request-id": options.requestIdOf(request),
    };
    const text = oauthErrorBody({ error: "invalid_request", description });
    sendAnswer(request, response, { status, headers, text });
  }

  return {
    name: format.form,
    methods: ["POST"],
    turns,
    handle(request, response) {
      const { url = "", headers, rawHeaders } = request;
      const { "content-type": type, "content-encoding": encoding = "identity" } = headers;
      if (url.includes("?")) refuse(request, response, 400, inQuery);
      // RFC 6749, section 2.3: a request has one method of client authentication.
      else if (countOfHeader(rawHeaders, "authorization") > 1) refuse(request, response, 400, twice);
      else if (!isForm(type) || encoding !== "identity") refuse(request, response, 415, noForm);
      else answerCall(withAliases, codec, options, request, response);
    },
  };
}

const inQuery = "send the parameters in the body: a URL may be logged, so it must not contain a token";
const twice = "the header Authorization occurs twice: send it once";
const noForm = "expected the content type application/x-www-form-urlencoded, without a content encoding";
