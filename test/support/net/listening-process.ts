import { createServer } from "node:net";
import { listen } from "../../../src/net/listen.ts";

// Listens on any free port of loopback until it is ended, and writes the port to stdout.
const { port } = await listen(createServer(), { host: "127.0.0.1", port: 0 });
process.stdout.write(`${port}\n`);
