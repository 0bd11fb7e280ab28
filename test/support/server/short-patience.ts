/** The timeouts of a server with short limits: for a request, and for calls in progress while it drains. */
export const shortPatience = { headersTimeoutMs: 3_000, requestTimeoutMs: 6_000, drainGraceMs: 2_000 };
