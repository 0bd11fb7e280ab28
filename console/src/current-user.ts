import { createClient, type Transport } from "@connectrpc/connect";
import { ProfileService } from "../gen/latchkey/v1/profile_service_pb.ts";
import { needsLogIn, reasonOf } from "./errors.ts";

/** Returns the id of the signed-in user. Without a session, it is undefined. Without a membership in the account, it is empty. */
export async function currentUser(transport: Transport): Promise<string | undefined> {
  try {
    const { principal } = await createClient(ProfileService, transport).whoAmI({});
    return principal?.userId ?? "";
  } catch (error) {
    if (needsLogIn(error)) return undefined;
    if (reasonOf(error).startsWith("ACCOUNT_")) return "";
    throw error;
  }
}
