import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get as getPlain, type IncomingMessage } from "node:http";
import { get as getTls } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  fromJsonString,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { credentials, Client as GrpcClient, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { bearer } from "../support/actors/bearer.ts";
import { password } from "../support/app.ts";
import { selfSigned } from "../support/net/net.ts";
import { createSite, type Served } from "../support/server/serve.ts";

/** Calls a method as a bearer, with one kind of client. */
type Invoke = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
  token: string,
) => Promise<MessageShape<O>>;
type Endpoint = { url: string; ca?: Buffer | undefined };

const site = createSite();
const folder = mkdtempSync(join(tmpdir(), "latchkey-protocols-"));
const tls = selfSigned();
const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
let server: Served;
// The token of a user, which both endpoints accept.
let session = "";

beforeAll(() => {
  writeFileSync(certFile, tls.cert);
  writeFileSync(keyFile, tls.key, { mode: 0o600 });
});
afterAll(async () => {
  await site.clear();
  rmSync(folder, { recursive: true });
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one endpoint.
describe.each(["plain text", "TLS"])("in %s", (kind) => {
  let endpoint: Endpoint;
  beforeAll(async () => {
    const secure = kind === "TLS";
    server = await site.serve(secure ? { LATCHKEY_TLS_CERT: certFile, LATCHKEY_TLS_KEY: keyFile } : {});
    expect(server.url).toMatch(secure ? /^https:/ : /^http:/);
    endpoint = { url: server.url, ca: secure ? tls.cert : undefined };
    session ||= await signUp(endpoint);
  });
  afterAll(() => server.stop());

  test.each<[string, ...string[]]>([["grpc", "--http2-prior-knowledge"], ["grpcweb"], ["connect"]])(
    "buf curl --protocol %s without a schema issues and verifies a key",
    async (protocol, ...flags) => {
      const options = ["--protocol", protocol, ...(kind === "TLS" ? ["--cacert", certFile] : flags)];
      await issueAndVerify((method, input, token) => bufCurl(endpoint.url, options, method, input, token));
    },
  );

  test("the probes report that the server runs and is ready", async () => {
    await expect.poll(() => getText(endpoint, "/readyz")).toBe("ready\n");
    expect(await getText(endpoint, "/healthz")).toBe("ok\n");
  });

  test("@grpc/grpc-js issues and verifies a key", async () => {
    const trust = endpoint.ca ? credentials.createSsl(endpoint.ca) : credentials.createInsecure();
    const client = new GrpcClient(new URL(endpoint.url).host, trust);
    try {
      await issuesAndVerifies((method, input, token) => grpcJs(client, method, input, token));
    } finally {
      client.close();
    }
  });

  const transports = { connect: createConnectTransport, grpcweb: createGrpcWebTransport };
  test.each([
    ["connect", "1.1"],
    ["connect", "2"],
    ["grpcweb", "1.1"],
    ["grpcweb", "2"],
  ] as const)("connect-node by %s over HTTP/%s issues and verifies a key", async (protocol, httpVersion) => {
    for (const useBinaryFormat of protocol === "connect" ? [true, false] : [true]) {
      await issuesAndVerifies((method, input, token) => {
        const interceptors = [bearer(token)];
        const options = {
          baseUrl: endpoint.url,
          httpVersion,
          useBinaryFormat,
          interceptors,
          nodeOptions: { ca: endpoint.ca },
        };
        return callBy(transports[protocol](options), method, input);
      });
    }
  });

  test("connect-node by gRPC issues and verifies a key", async () => {
    await issuesAndVerifies((method, input, token) => {
      const interceptors = [bearer(token)];
      const nodeOptions = { ca: endpoint.ca };
      return callBy(createGrpcTransport({ baseUrl: endpoint.url, interceptors, nodeOptions }), method, input);
    });
  });

  test.runIf(kind === "TLS").each([
    [["h2"], "h2"],
    [["http/1.1"], "http/1.1"],
    [["h2", "http/1.1"], "h2"],
    [["http/1.1", "h2"], "h2"],
  ])("for the ALPN offer %j, the server selects %s", async (offered, selected) => {
    const { hostname: host, port } = new URL(endpoint.url);
    const options = { host, port: Number(port), ca: endpoint.ca, ALPNProtocols: offered };
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const connecting = connectTls(options, () => resolve(connecting));
      connecting.once("error", reject);
    });
    expect(socket.alpnProtocol).toBe(selected);
    socket.destroy();
  });
});

async function signUp({ url: baseUrl, ca }: Endpoint): Promise<string> {
  const transport = createGrpcTransport({ baseUrl, nodeOptions: { ca } });
  const person = { email: "me@example.com", password, name: "Me", accountName: "Acme" };
  return (await callBy(transport, SessionService.method.signUp, person)).token;
}

/** Issues a key as a user. Then verifies the key, and a wrong token, with the verifier's key of the platform. */
async function issuesAndVerifies(invoke: Invoke): Promise<void> {
  const token = await issueAndVerify(invoke);
  const wrong = `${token.slice(0, -1)}_`;
  const verdict = await invoke(TokenService.method.verifyToken, { token: wrong }, site.token("verifier-key"));
  expect(verdict).toMatchObject({ verdict: Verdict.INVALID });
}

async function issueAndVerify(invoke: Invoke): Promise<string> {
  const create = { metadata: { name: "ümlaut key" }, spec: { permissions: ["agents:read"] } };
  const { apiKey } = await invoke(ApiKeyService.method.createApiKey, create, session);
  const token = apiKey?.spec?.token ?? "";
  expect(apiKey?.metadata?.name).toBe("ümlaut key");
  const request = { token, requiredPermissions: ["agents:read"] };
  const response = await invoke(TokenService.method.verifyToken, request, site.token("verifier-key"));
  expect(response).toMatchObject({ valid: true, verdict: Verdict.VALID });
  expect(response.principal?.keyId).toBe(apiKey?.metadata?.id);
  return token;
}

async function callBy<I extends DescMessage, O extends DescMessage>(
  transport: ReturnType<typeof createGrpcTransport>,
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  const client = createClient(method.parent, transport) as Record<string, (input: unknown) => Promise<never>>;
  const call = client[method.localName];
  if (!call) throw new Error(`the client has no method ${method.name}`);
  return await call(input);
}

function grpcJs<I extends DescMessage, O extends DescMessage>(
  client: GrpcClient,
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
  token: string,
): Promise<MessageShape<O>> {
  const metadata = new Metadata();
  if (token !== "") metadata.set("authorization", `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, input),
      metadata,
      (error, response) => (response ? resolve(response) : reject(error)),
    );
  });
}

// `buf curl` gets the schema from the server by reflection. The token is in a file and the body in stdin, not in arguments.
async function bufCurl<I extends DescMessage, O extends DescMessage>(
  url: string,
  options: string[],
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
  token: string,
): Promise<MessageShape<O>> {
  const headers = join(folder, "headers");
  writeFileSync(headers, token === "" ? "x-nothing: 1\n" : `authorization: Bearer ${token}\n`, {
    mode: 0o600,
  });
  const target = `${url}/${method.parent.typeName}/${method.name}`;
  const args = ["curl", ...options, "-H", `@${headers}`, "-d", "@-", target];
  const response = await new Promise<string>((resolve, reject) => {
    const child = execFile("buf", args, { timeout: 60_000, cwd: folder }, (error, stdout, stderr) =>
      error ? reject(new Error(`${error.message} ${stderr}`)) : resolve(stdout),
    );
    child.stdin?.end(toJsonString(method.input, create(method.input, input)));
  });
  return fromJsonString(method.output, response);
}

async function getText({ url, ca }: Endpoint, path: string): Promise<string> {
  const request = (ca ? getTls : getPlain)(`${url}${path}`, { ca });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return text(response);
}
