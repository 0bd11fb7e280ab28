/**
 * How messages are read from JSON and written as JSON, on the fast path, beside it and in errors. A response has its false,
 * zero and empty fields too, so that a client without a schema finds them.
 */
export const jsonOptions = { ignoreUnknownFields: false, alwaysEmitImplicit: true };
