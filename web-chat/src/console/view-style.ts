import { css } from 'lit';

/** A list that is empty, and a list that is on its way. */
export const emptyStyle = css`
  .empty { display: grid; justify-items: center; text-align: center; gap: var(--tp-2); padding: clamp(2rem, 8vh, 5rem) var(--tp-4); }
  .empty p { max-width: 34rem; text-wrap: pretty; }
  .empty .glyph { width: 3.5rem; height: 3.5rem; border-radius: 50%; display: grid; place-items: center; background: var(--tp-accent-soft); color: var(--tp-accent-soft-ink); }
  .empty .row { justify-content: center; margin-top: var(--tp-2); }
  .skeleton { display: grid; gap: var(--tp-3); }
  .skeleton .line { height: 4.25rem; border-radius: var(--tp-radius); background: var(--tp-sunken); border: 1px solid var(--tp-line); animation: tp-pulse 1.4s ease-in-out infinite; }
`;

/** What the pages of the console share. */
export const viewStyle = [emptyStyle, css`
  :host { display: block; padding: var(--tp-5) clamp(var(--tp-4), 3vw, var(--tp-6)) var(--tp-7); max-width: 78rem; margin-inline: auto; width: 100%; container-type: inline-size; }
  .top { display: flex; align-items: center; justify-content: space-between; gap: var(--tp-3); flex-wrap: wrap; margin-bottom: var(--tp-4); min-height: 2.25rem; }
  .stack { display: grid; gap: var(--tp-3); grid-template-columns: minmax(0, 1fr); }
  .stack.wide { gap: var(--tp-5); }
  .tabs { display: flex; gap: var(--tp-1); border-bottom: 1px solid var(--tp-line); margin-bottom: var(--tp-4); overflow-x: auto; }
  .tabs button { border: 0; border-radius: 0; background: none; border-bottom: 2px solid transparent; color: var(--tp-ink-2); padding: var(--tp-2) var(--tp-3); }
  .tabs button[aria-selected='true'] { color: var(--tp-ink); border-color: var(--tp-accent); font-weight: 650; }
  .panel { padding: var(--tp-4); }
  .actions { display: flex; gap: var(--tp-1); flex-wrap: wrap; }
  h1 .chip { vertical-align: middle; letter-spacing: 0; }
  .back { display: inline-flex; align-items: center; gap: var(--tp-1); font-size: var(--tp-text-s); text-decoration: none; margin-bottom: var(--tp-2); }
`];
