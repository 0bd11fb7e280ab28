import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { portOf } from "./port-of.ts";

// The limits of node itself: this server reads and parses a body and writes a response, over HTTP/1.1 and over HTTP/2
// streams. A GET is answered with an empty 200. The arguments are a response of the service, as JSON and as a message in base64.
const [json = "{}", message = ""] = process.argv.slice(2);
const object: unknown = JSON.parse(json);
const frame = Buffer.from(message, "base64");

const http1 = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "content-length": 0 }).end();
    return;
  }
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    JSON.parse(Buffer.concat(parts).toString());
    const body = Buffer.from(JSON.stringify(object));
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  });
}).listen(0, "127.0.0.1", () => {
  const http2 = createHttp2Server();
  http2.on("stream", (stream) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => {
      Buffer.concat(parts);
      stream.respond({ ":status": 200, "content-type": "application/grpc+proto", "grpc-status": 0 });
      stream.end(frame);
    });
  });
  http2.listen(0, "127.0.0.1", () => {
    process.stdout.write(`bare listening on ${portOf(http1)} and ${portOf(http2)}\n`);
  });
});
