import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What the example on the page about the console exports. */
interface Example {
  newEmbedToken(latchkey: string, platformKey: string, accountId: string): Promise<GivenToken>;
}

/** The answer of a product to its page that asks for a token. */
export interface GivenToken {
  token: string;
  expiresAt?: string;
}

/** The product of a platform on a port of its own, with the page and the server of the example in docs/console.md. */
export interface Product {
  origin: string;
  /** The frame that the page shows. */
  frameUrl: string;
  /** Answers the page that asks for a token. */
  give: () => Promise<GivenToken>;
  /** How often the page asked for a token. */
  asked: number;
  close(): void;
}

const guide = readFileSync(new URL("../../../docs/console.md", import.meta.url), "utf8");

/** Returns the block of a language in the section about embedding. */
function block(language: string): string {
  const [, section = ""] = guide.split("## Embedding the keys page");
  const [, text] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(section) ?? [];
  if (text === undefined) throw new Error(`docs/console.md has no block of ${language}`);
  return text;
}

/** Returns the server's part of the example. */
export function readExample(): Promise<Example> {
  const source = Buffer.from(block("js")).toString("base64");
  return import(/* @vite-ignore */ `data:text/javascript;base64,${source}`);
}

/** Serves the page of the example on a free port. */
export async function openProduct(): Promise<Product> {
  const server = createServer(async (request, response) => {
    if (request.url === "/embed-token") {
      product.asked += 1;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(await product.give()));
      return;
    }
    const latchkey = new URL(product.frameUrl).origin;
    const page = block("html").replaceAll("https://keys.example", latchkey);
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><html lang="en"><title>Product</title><link rel="icon" href="data:,">
      <style>iframe { width: 100%; height: 760px; border: 0 }</style>${page}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const product: Product = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    frameUrl: "",
    give: () => Promise.reject(new Error("the test gives no token")),
    asked: 0,
    close: () => void server.close().closeAllConnections(),
  };
  return product;
}
