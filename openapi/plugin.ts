// The plugin of buf that writes gen/openapi.json and gen/openapi.html. buf.gen.yaml starts it.
import { readFileSync } from "node:fs";
import { createEcmaScriptPlugin, runNodeJs } from "@bufbuild/protoplugin";
import { buildDocument } from "./build.ts";
import { renderPage } from "./page.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

runNodeJs(
  createEcmaScriptPlugin({
    name: "protoc-gen-openapi",
    version: "v1",
    generateTs(schema) {
      const document = buildDocument(schema.files, schema.allFiles, version);
      schema.generateFile("openapi.json").print(JSON.stringify(document, undefined, 2));
      schema.generateFile("openapi.html").print(renderPage(document));
    },
  }),
);
