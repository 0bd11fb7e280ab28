import { useQuery } from "@connectrpc/connect-query";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { idOf } from "./words.ts";

// A use of a token appears within 10 seconds.
const refreshMs = 5_000;

/** Returns a key as it is now. A list may be half a minute old, and a decision about a key needs its last use. */
export function useFreshKey(key: ApiKey): ApiKey {
  const options = { refetchInterval: refreshMs, staleTime: 0 };
  const { data } = useQuery(ApiKeyService.method.getApiKey, { id: idOf(key) }, options);
  return data?.apiKey ?? key;
}
