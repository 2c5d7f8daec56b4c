/** What every element's shadow root starts from: type, focus, and the few controls that all of them share. */
import { css, unsafeCSS } from 'lit';
import tokenText from './tokens.css?inline';

export const tokens = unsafeCSS(tokenText);

export const base = css`
  :host { box-sizing: border-box; color: var(--tp-ink); font: var(--tp-text-m) / 1.5 var(--tp-font); }
  :host([hidden]), [hidden] { display: none !important; }
  *, *::before, *::after { box-sizing: border-box; }
  h1, h2, h3, h4, p, ul, ol, dl, dd, pre, figure { margin: 0; }
  h1 { font-size: var(--tp-text-xl); line-height: 1.25; letter-spacing: -0.015em; font-weight: 650; }
  h2 { font-size: var(--tp-text-l); line-height: 1.3; letter-spacing: -0.01em; font-weight: 650; }
  h3 { font-size: var(--tp-text-m); line-height: 1.4; font-weight: 650; }
  ul.plain, ol.plain { list-style: none; padding: 0; }
  a { color: var(--tp-accent); text-underline-offset: 2px; }
  a:hover { color: var(--tp-accent-hover); }
  code, pre, .mono { font-family: var(--tp-mono); font-size: 0.9em; }
  code { background: var(--tp-sunken); border-radius: 4px; padding: 0.1em 0.35em; overflow-wrap: anywhere; }
  pre { background: var(--tp-sunken); border: 1px solid var(--tp-line); border-radius: var(--tp-radius-s); padding: var(--tp-3); overflow: auto; max-height: 22rem; line-height: 1.5; }
  pre code { background: none; padding: 0; overflow-wrap: normal; }
  :focus { outline: none; }
  :focus-visible { outline: 2px solid var(--tp-focus); outline-offset: 2px; border-radius: 4px; }
  .quiet { color: var(--tp-ink-2); }
  .small { font-size: var(--tp-text-s); }
  .tiny { font-size: var(--tp-text-xs); }
  .num { font-variant-numeric: tabular-nums; }
  .row > svg { flex: none; }
  .row { display: flex; align-items: center; gap: var(--tp-2); flex-wrap: wrap; }
  .spread { display: flex; align-items: center; justify-content: space-between; gap: var(--tp-3); flex-wrap: wrap; }
  .grow { flex: 1; min-width: 0; }
  .break { overflow-wrap: anywhere; }
  .visually-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  @media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation-duration: 0.01ms !important; animation-iteration-count: 1 !important; transition: none !important; } }
`;

export const controls = css`
  button, .button { font: inherit; font-size: var(--tp-text-s); font-weight: 550; line-height: 1.2; display: inline-flex; align-items: center; justify-content: center; gap: var(--tp-2);
    min-height: 2.125rem; padding: 0.4rem 0.8rem; border: 1px solid var(--tp-line-strong); border-radius: var(--tp-radius-s); background: var(--tp-surface); color: var(--tp-ink);
    cursor: pointer; text-decoration: none; transition: background 120ms, border-color 120ms; white-space: nowrap; }
  button:hover, .button:hover { background: var(--tp-sunken); color: var(--tp-ink); }
  button.primary, .button.primary { background: var(--tp-accent); border-color: var(--tp-accent); color: var(--tp-accent-ink); }
  button.primary:hover, .button.primary:hover { background: var(--tp-accent-hover); border-color: var(--tp-accent-hover); color: var(--tp-accent-ink); }
  button.danger { background: var(--tp-bad-fill); border-color: var(--tp-bad-fill); color: #fff; }
  button.danger:hover { filter: brightness(0.92); }
  button.danger-quiet { color: var(--tp-bad); }
  button.bare { border-color: transparent; background: transparent; }
  button.bare:hover { background: var(--tp-sunken); }
  button.icon { min-width: 2.125rem; padding: 0.35rem; }
  button.link { border: 0; background: none; padding: 0; min-height: 0; color: var(--tp-accent); text-decoration: underline; text-underline-offset: 2px; white-space: normal; text-align: start; }
  button:disabled, button[aria-disabled='true'] { background: var(--tp-sunken); border-color: var(--tp-line); color: var(--tp-ink-3); cursor: not-allowed; filter: none; }
  button.bare:disabled { background: transparent; border-color: transparent; }
  button svg, .button svg { flex: none; }
  label { font-size: var(--tp-text-s); font-weight: 550; }
  input:not([type='checkbox'], [type='radio']), select, textarea { font: inherit; width: 100%; min-height: 2.25rem; padding: 0.4rem 0.65rem; border: 1px solid var(--tp-line-strong); border-radius: var(--tp-radius-s);
    background: var(--tp-surface); color: var(--tp-ink); }
  input::placeholder, textarea::placeholder { color: var(--tp-ink-3); opacity: 1; }
  input[type='checkbox'], input[type='radio'] { accent-color: var(--tp-accent); width: 1.05rem; height: 1.05rem; margin: 0; flex: none; }
  input:focus-visible, select:focus-visible, textarea:focus-visible { outline-offset: 0; border-color: var(--tp-focus); border-radius: var(--tp-radius-s); }
  input[aria-invalid='true'], textarea[aria-invalid='true'] { border-color: var(--tp-bad); }
  select { width: auto; font-size: var(--tp-text-s); }
`;

export const surfaces = css`
  .card { background: var(--tp-surface); border: 1px solid var(--tp-line); border-radius: var(--tp-radius); box-shadow: var(--tp-shadow); }
  .chip { display: inline-flex; align-items: center; gap: 0.35em; border-radius: var(--tp-round); padding: 0.1rem 0.55rem; font-size: var(--tp-text-xs); font-weight: 600; line-height: 1.5; white-space: nowrap;
    background: var(--tp-sunken); color: var(--tp-ink-2); }
  .chip.good { background: var(--tp-good-soft); color: var(--tp-good); }
  .chip.warn { background: var(--tp-warn-soft); color: var(--tp-warn); }
  .chip.bad { background: var(--tp-bad-soft); color: var(--tp-bad); }
  .chip.info { background: var(--tp-info-soft); color: var(--tp-info); }
  .chip.accent { background: var(--tp-accent-soft); color: var(--tp-accent-soft-ink); }
  .chip .dot { width: 0.45em; height: 0.45em; border-radius: 50%; background: currentColor; }
  .chip .dot.live { animation: tp-pulse 1.4s ease-in-out infinite; }
  @keyframes tp-pulse { 50% { opacity: 0.25; } }
  .note { border-radius: var(--tp-radius-s); padding: var(--tp-2) var(--tp-3); font-size: var(--tp-text-s); background: var(--tp-sunken); overflow-wrap: anywhere; }
  .note.warn { background: var(--tp-warn-soft); color: var(--tp-warn); }
  .note.bad { background: var(--tp-bad-soft); color: var(--tp-bad); }
  .note.info { background: var(--tp-info-soft); color: var(--tp-info); }
  .note.good { background: var(--tp-good-soft); color: var(--tp-good); }
  .note code { background: transparent; padding: 0; font-weight: 600; }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; font-size: var(--tp-text-s); }
  th { text-align: start; font-weight: 600; color: var(--tp-ink-2); font-size: var(--tp-text-xs); white-space: nowrap; }
  th, td { padding: 0.4rem 0.6rem; border-bottom: 1px solid var(--tp-line); vertical-align: top; }
  tr:last-child > td { border-bottom: 0; }
  td.num, th.num { text-align: end; }
  details > summary { cursor: pointer; border-radius: 4px; }
  .bar { height: 6px; border-radius: var(--tp-round); background: var(--tp-sunken); overflow: hidden; position: relative; }
  .bar > span { display: block; height: 100%; border-radius: inherit; background: var(--tp-accent); transition: width 300ms ease-out; }
  .bar.done > span { background: var(--tp-good); }
  .bar.bad > span { background: var(--tp-bad-fill); }
  .bar.unknown > span { width: 35%; animation: tp-slide 1.4s ease-in-out infinite alternate; }
  @keyframes tp-slide { from { transform: translateX(-20%); } to { transform: translateX(200%); } }
`;
