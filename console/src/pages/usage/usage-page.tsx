import { useMemo, useState } from "react";
import type { UnknownTokenCount } from "../../../gen/latchkey/v1/usage_pb.ts";
import type { GetUsageResponse } from "../../../gen/latchkey/v1/usage_service_pb.ts";
import { csvOf } from "../../csv.ts";
import { Commands } from "../../parts/commands.tsx";
import { Named } from "../../parts/links.tsx";
import { saveFile } from "../../save-file.ts";
import { useSession } from "../../session.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { Chart } from "../../ui/chart.tsx";
import { Select } from "../../ui/field.tsx";
import { EmptyState, Facts, PageHeader, Section, Toolbar } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Table } from "../../ui/table.tsx";
import { environmentWords } from "./environment-words.ts";
import { chartOf, type Range, type RangeName, rangeOf, ranges, type Split, totalOf } from "./series.ts";
import { countsOf, type KeysUsage, useAccountUsage, useKeysUsage } from "./use-usage.ts";
import { verdictWords } from "./words.ts";

const rangeChoices = Object.entries(ranges).map(([value, { label }]) => ({
  value: value as RangeName,
  label: `Last ${label}`,
}));
const splitChoices: { value: Split; label: string }[] = [
  { value: "result", label: "Result" },
  { value: "verdict", label: "Verdict" },
  { value: "environment", label: "Environment" },
];

/** How often the keys of the account were verified. */
export function UsagePage() {
  const [name, setName] = useState<RangeName>("month");
  const [split, setSplit] = useState<Split>("result");
  const range = useMemo(() => rangeOf(name, Date.now()), [name]);
  const usage = useAccountUsage(range);
  const keys = useKeysUsage(range);
  return (
    <>
      <PageHeader
        title="Usage"
        description="How often the keys of the account were verified. Each verification appears within 10 seconds."
        actions={
          usage.data && (
            <Button icon="download" onClick={() => usage.data && exportUsage(usage.data, range)}>
              Export CSV
            </Button>
          )
        }
      />
      <Toolbar>
        <Select<RangeName> label="Time" value={name} onChange={setName} choices={rangeChoices} />
        <Select<Split> label="Show by" value={split} onChange={setSplit} choices={splitChoices} />
      </Toolbar>
      <Loaded query={usage}>{(data) => <Overview data={data} range={range} split={split} />}</Loaded>
      <Section title="By key">
        <Loaded query={keys}>{(data) => <Keys usage={data} />}</Loaded>
      </Section>
      {usage.data && usage.data.unknownTokens.length > 0 && <Unknown counts={usage.data.unknownTokens} />}
    </>
  );
}

const firstUse = [
  "key create --name First --permission agents:read --out first.token",
  "verify --file first.token",
];

function Overview({ data, range, split }: { data: GetUsageResponse; range: Range; split: Split }) {
  const { can } = useSession();
  const counts = useMemo(() => countsOf(data.series), [data]);
  const { series, bars } = chartOf(counts, range, split, { verdict: verdictWords });
  const accepted = counts
    .filter(({ verdict }) => verdict === 1)
    .reduce((sum, one) => sum + totalOf(one.points), 0);
  const total = Number(data.total);
  return (
    <>
      <Facts
        facts={[
          ["Verifications", <strong key="all">{format(total)}</strong>],
          ["Accepted", <strong key="accepted">{format(accepted)}</strong>],
          [
            "Refused",
            <strong key="refused">{`${format(total - accepted)}${share(total - accepted, total)}`}</strong>,
          ],
        ]}
      />
      {total === 0 ? (
        <EmptyState
          title="No verifications in this time"
          paste={can("api_keys:write") && can("tokens:verify") && <Commands commands={firstUse} />}
        >
          <p>A verification is a call of VerifyToken by your backend for a token that a client sent.</p>
        </EmptyState>
      ) : (
        <Chart label={`Verifications per ${range.interval}, in UTC`} series={series} bars={bars} />
      )}
    </>
  );
}

function Keys({ usage: { keys, more } }: { usage: KeysUsage }) {
  const [all, setAll] = useState(false);
  const rows = all ? keys : keys.slice(0, 10);
  if (keys.length === 0) return <p className="quiet">No key was verified in this time.</p>;
  return (
    <>
      {more && (
        <Banner>
          The list has the first {format(keys.length)} keys by age. The export by the API has all of them.
        </Banner>
      )}
      <Table
        label="Usage by key"
        rows={rows}
        keyOf={({ id }) => id}
        columns={[
          { title: "Key", kind: "wide", cell: ({ id, name }) => <Named id={id} name={name} /> },
          { title: "Accepted", kind: "number", cell: ({ accepted }) => format(accepted) },
          { title: "Refused", kind: "number", cell: ({ refused }) => format(refused) },
        ]}
      />
      {rows.length < keys.length && (
        <Button variant="ghost" onClick={() => setAll(true)}>
          Show all {format(keys.length)} keys
        </Button>
      )}
    </>
  );
}

function Unknown({ counts }: { counts: readonly UnknownTokenCount[] }) {
  return (
    <Section
      title="Tokens that no key has"
      description="Your verifiers sent these tokens, and no key has them: typing errors, old tokens or guesses. They are not in the totals."
    >
      <Table
        label="Tokens that no key has"
        rows={counts}
        keyOf={({ network }) => network}
        columns={[
          { title: "Network", kind: "wide", cell: ({ network }) => networkWords(network) },
          { title: "Verifications", kind: "number", cell: ({ count }) => format(Number(count)) },
        ]}
      />
    </Section>
  );
}

function networkWords(network: string) {
  if (network === "") return <span className="quiet">not known</span>;
  return network === "*" ? <span className="quiet">all others</span> : <code>{network}</code>;
}

function exportUsage(data: GetUsageResponse, { interval }: Range): void {
  const rows = countsOf(data.series).flatMap(({ environment, verdict, points }) =>
    points.map(({ start, count }) => [
      start.toISOString(),
      environmentWords[environment] ?? "",
      verdictWords(verdict),
      String(count),
    ]),
  );
  const sorted = rows.sort((a, b) => String(a[0]).localeCompare(String(b[0])));
  saveFile(
    "usage.csv",
    "text/csv",
    csvOf([[interval, "environment", "verdict", "verifications"], ...sorted]),
  );
}

function format(value: number): string {
  return value.toLocaleString("en");
}

function share(part: number, all: number): string {
  return all === 0 || part === 0 ? "" : ` (${((100 * part) / all).toFixed(1)} %)`;
}
