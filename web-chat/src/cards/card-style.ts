import { css } from 'lit';

/** The frame that all the cards of a conversation share. */
export const cardStyle = css`
  :host { display: block; min-width: 0; container-type: inline-size; }
  .card { overflow: hidden; }
  .head { padding: var(--tp-3) var(--tp-4); border-bottom: 1px solid var(--tp-line); display: grid; gap: var(--tp-1); }
  .head h3 { overflow-wrap: anywhere; }
  .part { padding: var(--tp-3) var(--tp-4); border-bottom: 1px solid var(--tp-line); display: grid; gap: var(--tp-2); }
  .part:last-child { border-bottom: 0; }
  .part > h4 { font-size: var(--tp-text-xs); font-weight: 650; color: var(--tp-ink-2); }
  .foot { padding: var(--tp-3) var(--tp-4); display: flex; gap: var(--tp-2); flex-wrap: wrap; align-items: center; background: var(--tp-sunken); }
  .kicker { font-size: var(--tp-text-xs); font-weight: 600; color: var(--tp-ink-2); display: flex; align-items: center; gap: var(--tp-2); }
  ul.facts { list-style: none; padding: 0; display: grid; gap: var(--tp-1); font-size: var(--tp-text-s); }
  ul.facts li { display: grid; grid-template-columns: 1.1rem 1fr; gap: var(--tp-2); align-items: start; overflow-wrap: anywhere; }
  ul.facts li svg { margin-top: 0.2rem; color: var(--tp-ink-3); }
`;
