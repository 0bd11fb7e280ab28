import { createServer } from "node:net";
import { listen } from "../../../src/net/listen.ts";

// Listens on a free loopback port until the test ends the process. Writes the port to stdout.
const { port } = await listen(createServer(), { host: "127.0.0.1", port: 0 });
process.stdout.write(`${port}\n`);
