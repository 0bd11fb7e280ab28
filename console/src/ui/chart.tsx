/** One bar of a chart, with its parts from the bottom. */
export interface Bar {
  /** The name of the bar, such as a day. */
  label: string;
  /** One value for each series. */
  values: readonly number[];
}

/** A series of a chart. */
export interface Series {
  name: string;
  tone: "accent" | "danger" | "warning" | "neutral";
}

const [width, height, gap] = [600, 140, 0.25];

/** A chart of stacked bars, and the same numbers as a table for screen readers. */
export function Chart({
  label,
  series,
  bars,
}: {
  label: string;
  series: readonly Series[];
  bars: readonly Bar[];
}) {
  const sums = bars.map((bar) => bar.values.reduce((sum, value) => sum + value, 0));
  const top = niceCeiling(Math.max(1, ...sums));
  const step = width / Math.max(1, bars.length);
  const total = (index: number) => bars.reduce((sum, bar) => sum + (bar.values[index] ?? 0), 0);
  return (
    <figure className="chart">
      <figcaption>
        <strong>{label}</strong>
        {series.map((one, index) => (
          <span key={one.name} className={`legend ${one.tone}`}>
            {one.name} {format(total(index))}
          </span>
        ))}
      </figcaption>
      {/* Screen readers get the table. */}
      <div className="chart-frame" aria-hidden="true">
        <span className="chart-top">{format(top)}</span>
        {/* biome-ignore lint/a11y/noSvgWithoutTitle: each bar has a title */}
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" focusable="false">
          {bars.map((bar, index) => (
            <g key={bar.label}>
              <title>{`${bar.label}: ${series.map((one, i) => `${one.name} ${format(bar.values[i] ?? 0)}`).join(", ")}`}</title>
              <rect className="chart-hit" x={index * step} y={0} width={step} height={height} />
              {stack(bar.values, top).map(({ y, size }, i) => (
                <rect
                  key={series[i]?.name}
                  className={series[i]?.tone}
                  x={index * step + (step * gap) / 2}
                  y={y}
                  width={step * (1 - gap)}
                  height={size}
                />
              ))}
            </g>
          ))}
        </svg>
        <div className="chart-axis">
          <span>{bars[0]?.label}</span>
          <span>{bars.at(-1)?.label}</span>
        </div>
      </div>
      <ChartTable label={label} series={series} bars={bars} />
    </figure>
  );
}

function ChartTable({
  label,
  series,
  bars,
}: {
  label: string;
  series: readonly Series[];
  bars: readonly Bar[];
}) {
  return (
    // A hidden table would still be as high as its rows, so it is inside a hidden box.
    <div className="hidden">
      <table>
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {series.map((one) => (
              <th key={one.name} scope="col">
                {one.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar.label}>
              <th scope="row">{bar.label}</th>
              {series.map((one, index) => (
                <td key={one.name}>{bar.values[index] ?? 0}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function stack(values: readonly number[], top: number): { y: number; size: number }[] {
  let y = height;
  return values.map((value) => {
    // A value that is not zero is visible.
    const size = value > 0 ? Math.max(1.5, (value / top) * height) : 0;
    y -= size;
    return { y, size };
  });
}

/** Returns the next number that begins with 1, 2 or 5, followed by zeros. */
export function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return (([1, 2, 5].find((factor) => factor * power >= value) ?? 10) as number) * power;
}

function format(value: number): string {
  return value.toLocaleString("en");
}
