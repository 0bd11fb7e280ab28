import { createRegistry, type DescEnum, type DescFile, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** Finds descriptors by their public names. */
export type Descriptors = {
  /** Returns the file with this name, as in an import. */
  file(name: string): DescFile | undefined;
  /** Returns the file that declares this fully qualified name: a type, field, value, service, method or extension. */
  fileOf(symbol: string): DescFile | undefined;
  /** Returns the files that declare extensions of this message, by number, or undefined if the message does not exist. */
  extensionsOf(message: string): ReadonlyMap<number, DescFile> | undefined;
  /** Returns a file as `google.protobuf.FileDescriptorProto`. Serializes each file only once. */
  serialize(file: DescFile): Uint8Array;
};

/** Indexes these files and all their imports. */
export function createDescriptors(files: Iterable<DescFile>): Descriptors {
  const byName = new Map<string, DescFile>();
  const bySymbol = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  const serialized = new Map<DescFile, Uint8Array>();
  const all = withImports(files);
  for (const file of all) byName.set(file.proto.name, file);
  for (const type of createRegistry(...all)) {
    bySymbol.set(type.typeName, type.file);
    if (type.kind === "extension") {
      numbersOf(type.extendee.typeName).set(type.number, type.file);
    } else {
      if (type.kind === "message") numbersOf(type.typeName);
      for (const name of membersOf(type)) bySymbol.set(name, type.file);
    }
  }
  return {
    file: (name) => byName.get(name),
    fileOf: (symbol) => bySymbol.get(symbol),
    extensionsOf: (message) => extensions.get(message),
    serialize(file) {
      const bytes = serialized.get(file) ?? toBinary(FileDescriptorProtoSchema, file.proto);
      serialized.set(file, bytes);
      return bytes;
    },
  };

  function numbersOf(message: string): Map<number, DescFile> {
    const known = extensions.get(message) ?? new Map<number, DescFile>();
    extensions.set(message, known);
    return known;
  }
}

/** Returns the files and all their direct and indirect imports, each once, the given files first. */
export function withImports(files: Iterable<DescFile>): Set<DescFile> {
  // The loop visits a Set in the order of insertion, including members that are added during the loop.
  const found = new Set(files);
  for (const file of found) {
    for (const imported of file.dependencies) found.add(imported);
  }
  return found;
}

type Named = Exclude<ReturnType<ReturnType<typeof createRegistry>["get"]>, undefined | { kind: "extension" }>;

function membersOf(type: Named): string[] {
  switch (type.kind) {
    case "message":
      return [...type.fields, ...type.oneofs].map(({ name }) => `${type.typeName}.${name}`);
    case "service":
      return type.methods.map(({ name }) => `${type.typeName}.${name}`);
    case "enum":
      // A value belongs to the scope around its enum, not to the enum.
      return type.values.map(({ name }) => scopeOf(type) + name);
  }
}

function scopeOf({ parent, file }: DescEnum | DescMessage): string {
  const scope = parent?.typeName ?? file.proto.package;
  return scope === "" ? "" : `${scope}.`;
}
