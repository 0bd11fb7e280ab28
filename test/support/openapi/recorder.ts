import type { Answer, Checked } from "./answer-check.ts";

/** The answers that were checked since the recording began. */
export interface Recording {
  /** The ids of the operations that answered. */
  operations: Set<string>;
  /** What was wrong, with the request that it belongs to. */
  problems: string[];
  /** Gives the previous `fetch` back. */
  end(): void;
}

/**
 * Replaces `fetch` by one that checks each answer of the server against its OpenAPI document. It throws if the answer
 * differs from the document. The requests are sent by `send`.
 */
export function recordAnswers(send = globalThis.fetch): Recording {
  const previous = globalThis.fetch;
  const operations = new Set<string>();
  const problems: string[] = [];

  globalThis.fetch = async (input, init) => {
    const response = await send(input, init);
    const request = new Request(input instanceof Request ? input.url : input);
    const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
    const path = new URL(request.url).pathname;
    if (method === "OPTIONS" || !isDescribed(path, response)) return response;
    const text = await response.clone().text();
    const { status, headers } = response;
    const checked = await check({ method, path, status, headers, text });
    if (checked.operationId) operations.add(checked.operationId);
    if (checked.problems.length > 0) {
      const problem = `${method} ${path} answered ${status}: ${checked.problems.join("; ")}\n${text.slice(0, 2_000)}`;
      problems.push(problem);
      throw new Error(`The answer differs from gen/openapi.json. ${problem}`);
    }
    return response;
  };
  return {
    operations,
    problems,
    end() {
      globalThis.fetch = previous;
    },
  };
}

// Tests also call other servers, and proxies that answer themselves. Only our answers have the id of the request.
function isDescribed(path: string, { headers }: Response): boolean {
  return path.startsWith("/v1/") ? headers.has("x-request-id") : ["/openapi.json", "/docs"].includes(path);
}

// Most test files call no route of plain HTTP, so the document is read for the first one that does.
async function check(answer: Answer): Promise<Checked> {
  const { checkAnswer } = await import("./check-answer.ts");
  return checkAnswer(answer);
}
