import { useState } from "react";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { Commands } from "../../parts/commands.tsx";
import { useSession } from "../../session.ts";
import { Chart, type Series } from "../../ui/chart.tsx";
import { Select } from "../../ui/field.tsx";
import { EmptyState } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { type UsageRange, useKeyUsage } from "./use-key-usage.ts";
import { count, idOf } from "./words.ts";

const ranges: readonly { value: UsageRange; label: string }[] = [
  { value: "24h", label: "Last 24 hours" },
  { value: "7d", label: "Last 7 days" },
  { value: "30d", label: "Last 30 days" },
];
const series: readonly Series[] = [
  { name: "Accepted", tone: "accent" },
  { name: "Limited", tone: "warning" },
  { name: "Refused", tone: "danger" },
];

/** The verifications of a key over time, by their result. */
export function UsageChart({ apiKey }: { apiKey: ApiKey }) {
  const [range, setRange] = useState<UsageRange>("7d");
  const usage = useKeyUsage(apiKey, range);
  const { can } = useSession();
  return (
    <div className="usage">
      <Select
        label="Time range"
        value={range}
        choices={ranges}
        onChange={(next: UsageRange) => setRange(next)}
      />
      <Loaded query={usage}>
        {({ total, bars }) =>
          total === 0n ? (
            <EmptyState
              title="No verification in this time"
              // The dialog with a new token saves it under this file name.
              paste={can("tokens:verify") && <Commands commands={[`verify --file ${idOf(apiKey)}.token`]} />}
            >
              <p>Each verification of a token of this key appears here within 10 seconds.</p>
            </EmptyState>
          ) : (
            <Chart label={count(total, "verification")} series={series} bars={bars} />
          )
        }
      </Loaded>
    </div>
  );
}
