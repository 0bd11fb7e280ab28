import type { PlatformTokens } from "../domain/account/bootstrap.ts";
import { newSecretFile, replacedSecretFile, type SecretFile } from "./secret-file.ts";

/** Where a command writes the tokens of the platform account. A key without a file gets none. */
export interface KeyTargets {
  readonly platform: SecretFile | undefined;
  readonly verifier: SecretFile | undefined;
  /** Creates new files. An unset path creates none. Throws an error of one line if a file exists. */
  create(paths: KeyPaths): void;
  /** Prepares files that replace those of an earlier run, for each key that has no file yet. */
  replace(paths: KeyPaths): void;
  /** Writes the tokens to the files. The caller calls it before the commit: if it throws, no token exists. */
  write(tokens: PlatformTokens): void;
  /** Makes the files final. */
  keep(): void;
  /** Removes the files, or returns a sentence about tokens in them that may be valid. */
  abandon(): string;
}

/** The paths of the two key files. */
export interface KeyPaths {
  platform?: string | undefined;
  verifier?: string | undefined;
}

/** Creates targets without any file. */
export function createKeyTargets(): KeyTargets {
  const files = new Map<keyof KeyPaths, SecretFile>();
  let isWritten = false;

  function add(paths: KeyPaths, open: (path: string) => SecretFile): void {
    for (const name of ["platform", "verifier"] as const) {
      const path = paths[name];
      if (path !== undefined && !files.has(name)) files.set(name, open(path));
    }
  }

  return {
    get platform() {
      return files.get("platform");
    },
    get verifier() {
      return files.get("verifier");
    },
    create: (paths) => add(paths, newSecretFile),
    replace: (paths) => add(paths, replacedSecretFile),
    write({ platform, verifier }) {
      files.get("platform")?.write(platform);
      if (verifier !== undefined) files.get("verifier")?.write(verifier);
      isWritten = true;
    },
    keep() {
      for (const file of files.values()) file.keep();
    },
    abandon() {
      if (isWritten && files.size > 0) {
        // The commit may have succeeded without an answer. Then these are the only copies of the tokens.
        const paths = [...files.values()].map((file) => file.writtenTo);
        return `; the tokens in ${paths.join(" and ")} may be valid`;
      }
      for (const file of files.values()) file.discard();
      return "";
    },
  };
}
