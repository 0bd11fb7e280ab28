import { dirname, join } from "node:path";
import { credentials, loadPackageDefinition, Metadata, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { onTestFinished } from "vitest";

/** The request of Envoy's filter, in the fields that these tests set. */
export interface EnvoyRequest {
  headers?: Record<string, string>;
  contextExtensions?: Record<string, string>;
}

/** The answer to Envoy, as Envoy's own schema reads it. */
export interface EnvoyAnswer {
  status: { code: number };
  okResponse?: {
    headers: { header: { key: string; value: string }; appendAction: string }[];
    headersToRemove: string[];
  };
  deniedResponse?: {
    status: { code: string };
    headers: { header: { key: string; value: string }; appendAction: string }[];
    body: string;
  };
}

type Check = (
  request: object,
  metadata: Metadata,
  done: (error: ServiceError | null, answer: EnvoyAnswer) => void,
) => void;

const module = dirname(new URL(import.meta.resolve("@grpc/grpc-js-xds/package.json")).pathname);
const folders = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((name) =>
  join(module, "deps", name),
);
const definition = loadSync("envoy/service/auth/v3/external_auth.proto", {
  includeDirs: folders,
  keepCase: false,
  enums: String,
  defaults: true,
  oneofs: false,
});

/**
 * Connects to an address as Envoy does, with Envoy's own schema and the gRPC library of Google. Returns the function that asks
 * for one request. Without a verifier, it sends none.
 */
export function connectAsEnvoy(port: number, verifier: string | undefined) {
  const loaded = loadPackageDefinition(definition) as unknown as {
    envoy: { service: { auth: { v3: { Authorization: new (...args: unknown[]) => Client } } } };
  };
  const client = new loaded.envoy.service.auth.v3.Authorization(
    `127.0.0.1:${port}`,
    credentials.createInsecure(),
  );
  onTestFinished(() => client.close());
  return (request: EnvoyRequest, more: Record<string, string> = {}): Promise<EnvoyAnswer> => {
    const metadata = new Metadata();
    if (verifier !== undefined) metadata.set("latchkey-verifier", verifier);
    for (const [name, value] of Object.entries(more)) metadata.set(name, value);
    const { promise, resolve, reject } = Promise.withResolvers<EnvoyAnswer>();
    client.check(fullRequest(request), metadata, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
    return promise;
  };
}

interface Client {
  check: Check;
  close(): void;
}

// Everything that Envoy fills in by default. The server must skip what it does not read.
function fullRequest({ headers = {}, contextExtensions = {} }: EnvoyRequest): object {
  const address = (portValue: number) => ({
    address: { socketAddress: { address: "127.0.0.1", portValue } },
  });
  return {
    attributes: {
      source: { ...address(40_000), principal: "spiffe://cluster.local/ns/default/sa/client" },
      destination: address(10_000),
      request: {
        time: { seconds: "1764547200", nanos: 123_456_000 },
        http: {
          id: "17485938475",
          method: "GET",
          headers: {
            ":authority": "api.example.com",
            ":method": "GET",
            ":path": "/agents?permission=admin",
            "x-request-id": crypto.randomUUID(),
            ...headers,
          },
          path: "/agents?permission=admin",
          host: "api.example.com",
          scheme: "http",
          size: "-1",
          protocol: "HTTP/1.1",
        },
      },
      contextExtensions,
      metadataContext: { filterMetadata: {} },
    },
  };
}
