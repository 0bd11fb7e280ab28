/** The style of the page. The server allows exactly this text, by its hash. */
export const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 18%, Canvas); --soft: color-mix(in srgb, CanvasText 6%, Canvas); }
* { box-sizing: border-box; }
body { margin: 0; display: grid; grid-template-columns: 17rem minmax(0, 1fr); font: 16px/1.5 system-ui, sans-serif; color: CanvasText; background: Canvas; }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid var(--line); font-size: 0.9rem; }
nav p { margin: 0.75rem 0 0.25rem; }
nav ul { margin: 0; padding-left: 1rem; list-style: none; }
main { padding: 1rem 2rem 4rem; max-width: 62rem; }
h1 { font-size: 1.75rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
section { margin-top: 2rem; }
h3 { margin-bottom: 0.25rem; }
h4 { margin: 1.25rem 0 0.25rem; }
code, pre { font: 0.9em/1.4 ui-monospace, monospace; background: var(--soft); border-radius: 3px; overflow-wrap: anywhere; }
code { padding: 0.1em 0.25em; }
pre { padding: 0.75rem; overflow: auto; }
pre code { padding: 0; background: none; }
td:first-child code { white-space: nowrap; }
.route { margin-top: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { padding: 0.35rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { white-space: nowrap; }
:target { scroll-margin-top: 1rem; }
@media (max-width: 48rem) { body { display: block; } nav { position: static; height: auto; max-height: 40vh; border: 0; border-bottom: 1px solid var(--line); } main { padding: 1rem; } }
`;
