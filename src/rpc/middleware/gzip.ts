import { Code, ConnectError } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";

/** The gzip compression of requests and responses. A body that is not complete gzip data is an invalid argument. */
export const gzip: typeof compressionGzip = {
  ...compressionGzip,
  async decompress(bytes, readMaxBytes) {
    try {
      return await compressionGzip.decompress(bytes, readMaxBytes);
    } catch (error) {
      // Connect gives this code to data that ends too early.
      const isCut = error instanceof ConnectError && error.code === Code.Internal;
      throw isCut ? new ConnectError("the gzip data of the body is incomplete", Code.InvalidArgument) : error;
    }
  },
};
