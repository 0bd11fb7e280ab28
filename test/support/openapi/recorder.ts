import type { Answer } from "./answer-check.ts";

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
    if (method === "OPTIONS" || !isOurs(path, response.headers)) return response;
    const text = await response.clone().text();
    const { status, headers } = response;
    const { operationId, problem } = await describe({ method, path, status, headers, text });
    if (operationId) operations.add(operationId);
    if (problem !== undefined) {
      problems.push(problem);
      throw new Error(problem);
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

/** Throws if an answer that no `fetch` received differs from the document. Compressed bodies are not compared. */
export async function requireDescribed(answer: Answer): Promise<void> {
  const { method, path, headers } = answer;
  if (method === "OPTIONS" || headers.has("content-encoding") || !isOurs(path, headers)) return;
  const { problem } = await describe(answer);
  if (problem !== undefined) throw new Error(problem);
}

// Tests also call other servers, and proxies that answer themselves. Only our answers have the id of the request.
function isOurs(path: string, headers: Headers): boolean {
  return path.startsWith("/v1/") ? headers.has("x-request-id") : ["/openapi.json", "/docs"].includes(path);
}

// Most test files call no route of plain HTTP, so the document is read for the first one that does.
async function describe(
  answer: Answer,
): Promise<{ operationId: string | undefined; problem: string | undefined }> {
  const { checkAnswer } = await import("./check-answer.ts");
  const { operationId, problems } = checkAnswer(answer);
  if (problems.length === 0) return { operationId, problem: undefined };
  const { method, path, status, text } = answer;
  const request = `${method} ${path} answered ${status}`;
  const problem = `The answer differs from gen/openapi.json. If the schema changed, run \`npm run generate\`. ${request}: ${problems.join("; ")}\n${text.slice(0, 2_000)}`;
  return { operationId, problem };
}
