import { request as plain } from "node:http";
import { type RequestOptions, request as secure } from "node:https";
import type { TLSSocket } from "node:tls";

const defaultTimeoutMs = 5_000;
const maxBytes = 8 * 1024 * 1024;

/** What a server answered to a GET request. */
export interface Probed {
  status: number;
  body: string;
  /** The header `date`, in milliseconds. */
  date: number | undefined;
  /** The SHA-256 fingerprint of the server's certificate, under TLS. */
  fingerprint: string | undefined;
  /** The end of that certificate. */
  certificateEnd: Date | undefined;
}

/** How a probe trusts the server's certificate: `anything`, or the given PEM, or the roots of Node. */
export interface ProbeTrust {
  ca?: string | Buffer | undefined;
  anything?: boolean;
}

/** Sends a GET request without any credential to a path of a server. Rejects if there is no answer in time, which is 5 s. */
export async function probe(
  url: string,
  path: string,
  { ca, anything = false }: ProbeTrust,
  timeoutMs = defaultTimeoutMs,
): Promise<Probed> {
  const options: RequestOptions = { timeout: timeoutMs, ...(ca && { ca }), rejectUnauthorized: !anything };
  // A proxy may serve Latchkey below a path.
  const target = new URL(`${url}${path}`);
  const send = target.protocol === "https:" ? secure : plain;
  return await new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const request = send(target, { ...options, signal: deadline, agent: false }, (response) => {
      const { socket, statusCode = 0, headers } = response;
      const certificate =
        "getPeerCertificate" in socket ? (socket as TLSSocket).getPeerCertificate() : undefined;
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
        if (body.length > maxBytes) request.destroy(new Error(`the answer at ${path} is too long`));
      });
      response.on("error", reject).on("end", () =>
        resolve({
          status: statusCode,
          body,
          date: headers.date === undefined ? undefined : Date.parse(headers.date),
          fingerprint: certificate?.fingerprint256,
          certificateEnd: certificate?.valid_to ? new Date(certificate.valid_to) : undefined,
        }),
      );
    });
    request.on("error", (error) =>
      reject(deadline.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : error),
    );
    request.end();
  });
}
