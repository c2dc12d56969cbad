/** The style sheet of the HTML report: system fonts only, light and dark by the reader's preference. */
export const styleSheet = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #14181f; --soft: #5a6472; --faint: #9aa3af;
  --line: #e3e7ec; --grid: #e9ecf0; --axis: #b6bec8; --good: #0a7d4f; --bad: #b3261e; --mark: #f1f4f8;
  --run-0: #64748b; --run-1: #2563eb; --run-2: #d97706; --run-3: #0d9488;
  --run-4: #c026d3; --run-5: #65a30d; --run-6: #dc2626; --run-7: #0891b2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --card: #151b23; --ink: #e8edf3; --soft: #9aa6b4; --faint: #66717e;
    --line: #273039; --grid: #232b34; --axis: #46515d; --good: #4ade9c; --bad: #ff8a80; --mark: #1c2530;
    --run-0: #6f7f95; --run-1: #3f87f5; --run-2: #d98a1f; --run-3: #14a394;
    --run-4: #c84fdd; --run-5: #7cb518; --run-6: #e5534b; --run-7: #12a5c0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Inter, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1000px; margin: 0 auto; padding: 40px 24px 56px; }
header h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 8px; overflow-wrap: anywhere; }
header p { margin: 0; color: var(--soft); }
.lead { font-size: 17px; color: var(--ink); margin: 14px 0 0; max-width: 46em; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 20px 0 0; padding: 0; list-style: none; }
.legend li, .run { display: inline-flex; align-items: center; gap: 8px; }
.chip { width: 11px; height: 11px; border-radius: 3px; flex: none; display: inline-block; }
.tag { color: var(--soft); font-size: 13px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin-top: 20px; }
h2 { font-size: 18px; letter-spacing: -0.01em; margin: 0 0 4px; }
h3 { font-size: 15px; margin: 0 0 2px; overflow-wrap: anywhere; }
section > p, .note { color: var(--soft); margin: 0 0 14px; font-size: 14px; max-width: 52em; }
.note { margin: 12px 0 0; font-size: 13px; }
.scroll { overflow-x: auto; margin: 0 -24px; padding: 0 24px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 0 8px 20px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; color: var(--soft); font-size: 13px; }
tbody th { font-weight: 500; }
td small { color: var(--soft); font-size: 12px; }
.best { font-weight: 650; }
.better { color: var(--good); } .worse { color: var(--bad); } .same { color: var(--soft); }
.second-left :is(th, td):nth-child(2) { text-align: left; }
figure { margin: 14px 0 0; }
figure + .scroll { margin-top: 14px; }
.subhead { margin-top: 28px; }
figure svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
.pair { display: grid; grid-template-columns: minmax(0, 440px) minmax(0, 1fr); gap: 8px 32px; align-items: start; margin-top: 18px; }
.pair figure { margin: 0; }
.pair h4 { font-size: 13px; font-weight: 600; color: var(--soft); margin: 12px 0 2px; }
details { margin-top: 10px; border-top: 1px solid var(--line); padding-top: 10px; }
summary { cursor: pointer; font-weight: 500; }
summary .run { vertical-align: -1px; margin-left: 4px; }
pre { overflow-x: auto; background: var(--mark); border-radius: 8px; padding: 12px 14px; font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
footer { color: var(--soft); font-size: 13px; margin-top: 22px; }
@media (max-width: 720px) {
  main { padding: 24px 14px 40px; }
  header h1 { font-size: 23px; }
  .lead { font-size: 16px; }
  section { padding: 18px 16px; border-radius: 10px; }
  .scroll { margin: 0 -16px; padding: 0 16px; }
  .wide { display: none; }
  .narrow { display: block; }
  .pair { grid-template-columns: minmax(0, 1fr); }
  th, td { padding-left: 16px; }
}
@media print {
  :root { color-scheme: light; --page: #ffffff; }
  section { break-inside: avoid; border-color: #cccccc; }
}
`
