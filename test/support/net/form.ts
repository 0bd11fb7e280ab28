import { connect } from "node:http2";

/** A request to an endpoint that reads a form. */
export interface FormRequest {
  /** The parameters, or the body itself. */
  form?: Record<string, string> | string;
  token?: string;
  /** HTTP Basic client authentication. */
  basic?: [id: string, secret: string];
  method?: string;
  headers?: Record<string, string>;
}

/** The response to a form. */
export interface FormAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** Sends a form over HTTP/1.1. */
export async function sendForm(url: string, request: FormRequest): Promise<FormAnswer> {
  const body = bodyOf(request);
  const method = request.method ?? "POST";
  const response = await fetch(url, {
    method,
    headers: headersOf(request),
    ...(body !== undefined && { body }),
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  };
}

/** Sends the same form over HTTP/2. */
export async function sendFormOverHttp2(url: string, request: FormRequest): Promise<FormAnswer> {
  const { origin, pathname, search } = new URL(url);
  const session = connect(origin);
  const body = bodyOf(request);
  const head = {
    ":path": `${pathname}${search}`,
    ":method": request.method ?? "POST",
    ...headersOf(request),
  };
  const stream = session.request(head, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const headers: Record<string, string> = {};
  stream.on("response", (all) => {
    for (const [name, value] of Object.entries(all)) headers[name] = String(value);
  });
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk;
  session.close();
  const { ":status": status, ...rest } = headers;
  return { status: Number(status), headers: rest, text };
}

function bodyOf({ form, method = "POST" }: FormRequest): string | undefined {
  if (method !== "POST") return undefined;
  return typeof form === "string" ? form : new URLSearchParams(form).toString();
}

function headersOf({ token, basic, headers }: FormRequest): Record<string, string> {
  const credentials = basic?.map(encodeURIComponent).join(":");
  return {
    "content-type": "application/x-www-form-urlencoded",
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(credentials !== undefined && { authorization: `Basic ${btoa(credentials)}` }),
    ...headers,
  };
}
