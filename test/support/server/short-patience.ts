/** How long a server with little patience waits for a request, and for calls under way while it drains. */
export const shortPatience = { headersTimeoutMs: 3_000, requestTimeoutMs: 6_000, drainGraceMs: 2_000 };
