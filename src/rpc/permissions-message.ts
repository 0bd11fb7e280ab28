import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListPermissionsResponseSchema } from "../../gen/latchkey/v1/role_service_pb.ts";
import { isOwnResource, platformResources } from "../domain/access/permission-grammar.ts";
import { builtinPresets, type Preset } from "../domain/access/permission-preset.ts";
import { createVocabulary, type Vocabulary } from "../domain/access/permission-vocabulary.ts";

/** The permissions and presets of a deployment. */
export interface PermissionSettings {
  /** The permissions that the deployment knows. Undefined if it knows any. */
  permissions: Vocabulary | undefined;
  permissionSets: readonly Preset[];
}

const wildcards: [permission: string, description: string][] = [
  ["*", "Everything."],
  ["*:*", "Every verb on the platform's resources, and nothing on Latchkey's own."],
  ["*:read", "Reads every resource, Latchkey's own too."],
  ["*:write", "Writes the platform's resources, and reads every resource."],
  ["*:manage", "Manages the platform's resources, and reads every resource."],
];
const onPlatform: [permission: string, description: string][] = [
  [`${platformResources}:read`, "Reads the platform's resources only."],
  [`${platformResources}:write`, "Writes and reads the platform's resources only."],
  [`${platformResources}:manage`, "Manages, writes and reads the platform's resources only."],
];

/** Returns the message with everything that a list of permissions may contain. */
export function permissionsMessage({
  permissions,
  permissionSets,
}: PermissionSettings): MessageInitShape<typeof ListPermissionsResponseSchema> {
  const resources = (permissions ?? createVocabulary([]))?.resources ?? [];
  const verbs = new Set(resources.filter(({ name }) => !isOwnResource(name)).flatMap((one) => one.verbs));
  const others = [...verbs].filter((verb) => !wildcards.some(([known]) => known === `*:${verb}`)).sort();
  const ofVerbs = others.map((verb) => [`*:${verb}`, "This verb on the platform's resources."] as const);
  return {
    resources: resources.map(({ name, verbs }) => ({
      name,
      verbs: [...verbs],
      latchkey: isOwnResource(name),
    })),
    wildcards: [...wildcards, ...ofVerbs, ...onPlatform].map(([permission, description]) => ({
      permission,
      description,
    })),
    presets: [
      ...builtinPresets.map((preset) => presetMessage(preset, true)),
      ...permissionSets.map((preset) => presetMessage(preset, false)),
    ],
    onlyKnown: permissions !== undefined,
  };
}

function presetMessage({ name, description, permissions }: Preset, builtIn: boolean) {
  return { name, description, permissions: [...permissions], builtIn };
}
