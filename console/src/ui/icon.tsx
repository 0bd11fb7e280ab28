const paths = {
  key: "M7 13.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5zM10.5 10H17.5v3M14.5 10v2.5",
  workspace: "M3 6.5 10 3l7 3.5L10 10 3 6.5zM3 10l7 3.5L17 10M3 13.5 10 17l7-3.5",
  people:
    "M7.5 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 17c0-3 2.5-5 5.5-5s5.5 2 5.5 5M13 3.5a3 3 0 0 1 0 5.5M15 12.5c1.8.7 3 2.4 3 4.5",
  invite: "M2.5 5h15v10h-15zM2.5 5.5l7.5 6 7.5-6",
  team: "M10 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM5 17a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM15 17a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8.7 7.6 6.3 12.2M11.3 7.6l2.4 4.6M7.5 14.5h5",
  role: "M10 2.5 16 5v5c0 3.5-2.5 6-6 7.5C6.5 16 4 13.5 4 10V5zM7.5 10l1.8 1.8 3.4-3.6",
  robot: "M4 8h12v8H4zM10 8V4.500M10 4.500h.01M7.5 12h.01M12.5 12h.01M2 11v2M18 11v2",
  audit: "M4 3h8.500L16 6.500V17H4zM12 3v4h4M7 10.500h6M7 13.500h4",
  account: "M3 17V5l7-2.500V17M10 7.500h7V17M2 17h16M6 7.500h1M6 10.500h1M6 13.500h1M13 10.500h1M13 13.500h1",
  usage: "M3 3v14h14M7 13.500V10M11 13.500V6M15 13.500V8.5",
  device: "M3 4h14v9H3zM7 17h6M10 13v4",
  lock: "M5 9h10v8H5zM7 9V6.500a3 3 0 0 1 6 0V9M10 12.500v1.5",
  platform: "M3 4h14v5H3zM3 11h14v5H3zM6 6.500h.01M6 13.500h.01",
  menu: "M3 5.500h14M3 10h14M3 14.500h14",
  more: "M4.5 9.5a.5.5 0 1 0 0 1 .5.5 0 0 0 0-1zM10 9.5a.5.5 0 1 0 0 1 .5.5 0 0 0 0-1zM15.5 9.5a.5.5 0 1 0 0 1 .5.5 0 0 0 0-1z",
  close: "M5 5l10 10M15 5 5 15",
  check: "M4 10.5 8 14.5 16 6",
  copy: "M7 7h9v10H7zM13 7V3.500H4V13h3",
  download: "M10 3v9.500M6 9l4 4 4-4M3.5 17h13",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.5 13.5 17 17",
  plus: "M10 4v12M4 10h12",
  chevron: "M6 8l4 4 4-4",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  warning: "M10 3 18 16.500H2zM10 8v4M10 14.200h.01",
  info: "M10 17.500a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15zM10 9v4.500M10 6.500h.01",
  out: "M8 3.500H3.500v13H8M12.5 6.5 16 10l-3.5 3.500M16 10H8",
} as const;

/** The name of an icon. */
export type IconName = keyof typeof paths;

/** Draws an icon. It says nothing to screen readers, so a control with only an icon needs a label. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
