import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

/** A mail as received over SMTP. */
export interface Received {
  from: string;
  to: string[];
  /** Headers and body as they were sent, with CRLF. */
  data: string;
}

/**
 * Starts a mail server on loopback (RFC 5321) that ends with the test. If `refuse` is set, it is the response to every
 * recipient.
 */
export async function serveSmtp(refuse?: string) {
  const received: Received[] = [];
  const server = createServer((socket) => {
    const say = (line: string) => socket.write(`${line}\r\n`);
    let mail: Received = { from: "", to: [], data: "" };
    let inData = false;
    function hear(line: string): void {
      const address = /<([^>]*)>/.exec(line)?.[1] ?? "";
      if (inData) {
        if (line !== ".") mail.data += `${line.replace(/^\.\./, ".")}\r\n`;
        else {
          inData = false;
          received.push(mail);
          mail = { from: "", to: [], data: "" };
          say("250 taken");
        }
      } else if (/^EHLO /i.test(line)) say("250 here");
      else if (/^MAIL FROM:/i.test(line)) {
        mail.from = address;
        say("250 ok");
      } else if (/^RCPT TO:/i.test(line)) {
        if (!refuse) mail.to.push(address);
        say(refuse ?? "250 ok");
      } else if (/^DATA$/i.test(line)) {
        inData = true;
        say("354 go on");
      } else if (/^QUIT$/i.test(line)) socket.end("221 bye\r\n");
      else say("250 ok");
    }
    say("220 here");
    createInterface({ input: socket }).on("line", hear);
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `smtp://127.0.0.1:${port}`, received };
}

/** Returns the headers and the body of a mail. */
export function partsOf(data: string): { headers: string; body: string } {
  const end = data.indexOf("\r\n\r\n");
  return { headers: data.slice(0, end), body: data.slice(end + 4) };
}
