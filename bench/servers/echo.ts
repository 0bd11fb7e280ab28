import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { fromBinary } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { TokenService, VerifyTokenResponseSchema } from "../../gen/latchkey/v1/token_service_pb.ts";
import { portOf } from "./port-of.ts";

// The limit of Connect itself: this server has the method and the messages of the service, but no logic. Its only response
// is the argument, a response of the service in base64.
const message = fromBinary(VerifyTokenResponseSchema, Buffer.from(process.argv[2] ?? "", "base64"));
const handler = connectNodeAdapter({
  routes: (router) => router.service(TokenService, { verifyToken: () => message }),
});

const http1 = createServer(handler).listen(0, "127.0.0.1", () => {
  const http2 = createHttp2Server(handler).listen(0, "127.0.0.1", () => {
    process.stdout.write(`echo listening on ${portOf(http1)} and ${portOf(http2)}\n`);
  });
});
