// An echo on @grpc/grpc-js. Its response is the argument, a message in base64.
import grpc from "@grpc/grpc-js";

const message = Buffer.from(process.argv[2] ?? "", "base64");
const bytes = { serialize: (message) => message, deserialize: (message) => message };
const server = new grpc.Server();
server.addService(
  {
    verifyToken: {
      path: "/latchkey.v1.TokenService/VerifyToken",
      requestStream: false,
      responseStream: false,
      requestDeserialize: bytes.deserialize,
      requestSerialize: bytes.serialize,
      responseDeserialize: bytes.deserialize,
      responseSerialize: bytes.serialize,
    },
  },
  { verifyToken: (_call, respond) => respond(null, message) },
);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`grpc-js listening on ${port}\n`);
});
