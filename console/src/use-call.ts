import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { callUnaryMethod, useTransport } from "@connectrpc/connect-query";
import { type UseMutationResult, useMutation } from "@tanstack/react-query";

/**
 * Returns a mutation that gives its response to `onAnswer` at once. Other mutations wait until the lists are refreshed. A
 * response with a secret must not wait, because the secret comes only once. The response does not stay in the cache.
 */
export function useCall<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  onAnswer: (answer: MessageShape<O>) => void,
): UseMutationResult<void, ConnectError, MessageInitShape<I>> {
  const transport = useTransport();
  return useMutation({
    gcTime: 0,
    mutationFn: async (input: MessageInitShape<I>) => {
      onAnswer(await callUnaryMethod(transport, method, input));
    },
  });
}
