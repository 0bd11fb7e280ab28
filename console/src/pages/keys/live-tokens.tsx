import type { ApiKeyToken } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { Badge } from "../../ui/badge.tsx";
import { Banner } from "../../ui/banner.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { storyOf, tailOf } from "./token-story.ts";

/** The live tokens of a key: which of them are used, and which of them end. */
export function LiveTokens({ tokens }: { tokens: readonly ApiKeyToken[] }) {
  const newest = tokens.at(-1);
  const columns: Column<ApiKeyToken>[] = [
    {
      title: "Token",
      cell: (token) => (
        <span className="badges">
          <code title={token.hint}>{tailOf(token)}</code>
          {tokens.length > 1 && (
            <Badge tone={token === newest ? "accent" : "neutral"}>{token === newest ? "New" : "Old"}</Badge>
          )}
        </span>
      ),
    },
    { title: "Minted", cell: (token) => <Time value={token.createdAt} /> },
    { title: "Last used", cell: (token) => <Time value={token.lastUsedAt} /> },
    { title: "From", cell: (token) => token.lastClientAddress || <span className="quiet">not known</span> },
    { title: "Ends", cell: (token) => <Time value={token.endsAt} otherwise="with the key" /> },
  ];
  return (
    <>
      <TokenStoryBanner tokens={tokens} />
      {tokens.length > 0 && (
        <div className="live-tokens">
          <Table
            label="Live tokens"
            columns={columns}
            rows={[...tokens].reverse()}
            keyOf={(token) => token.hint}
          />
        </div>
      )}
    </>
  );
}

function TokenStoryBanner({ tokens }: { tokens: readonly ApiKeyToken[] }) {
  const story = storyOf(tokens);
  switch (story.state) {
    case "none":
      return <Banner>This key has no live token. Rotate it to mint one.</Banner>;
    case "old-used":
      return (
        <Banner tone="warning" title="The old token is still used. ">
          <p>
            The token <code>{tailOf(story.old)}</code> was last used <Time value={story.old.lastUsedAt} />
            {story.old.lastClientAddress && ` from ${story.old.lastClientAddress}`}, after the rotation{" "}
            <Time value={story.newest.createdAt} />. It ends <Time value={story.old.endsAt} />.{" "}
            {story.newest.lastUsedAt ? "The new token is used too." : "The new token was not used yet."}
          </p>
        </Banner>
      );
    case "moved":
      return (
        <Banner tone="success" title="Only the new token is used. ">
          <p>
            Since the rotation <Time value={story.newest.createdAt} />, nothing used the old token.
          </p>
        </Banner>
      );
    case "quiet":
      return (
        <Banner title="No token was used since the rotation. ">
          <p>
            The rotation was <Time value={story.newest.createdAt} />.
          </p>
        </Banner>
      );
    default:
      return null;
  }
}
