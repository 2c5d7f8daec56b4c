import { css } from 'lit';

export const chatStyle = css`
  :host { display: flex; flex-direction: column; min-height: 0; min-width: 0; height: 100%; background: var(--tp-bg); position: relative; container-type: inline-size; }
  .line { padding: var(--tp-1) var(--tp-4); font-size: var(--tp-text-s); display: flex; align-items: center; gap: var(--tp-2); background: var(--tp-warn-soft); color: var(--tp-warn); }
  .line.offline { background: var(--tp-bad-soft); color: var(--tp-bad); }
  .list { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: var(--tp-4) var(--tp-2); scrollbar-gutter: stable both-edges; scrollbar-width: thin; }
  .inner { max-width: 52rem; margin-inline: auto; display: grid; gap: var(--tp-4); grid-template-columns: minmax(0, 1fr); }
  .said { display: grid; justify-items: end; gap: var(--tp-1); }
  .bubble { background: var(--tp-accent-soft); color: var(--tp-ink); border-radius: var(--tp-radius-l) var(--tp-radius-l) 4px var(--tp-radius-l); padding: var(--tp-2) var(--tp-3); max-width: 88%; white-space: pre-wrap; overflow-wrap: anywhere; }
  .bubble.waiting { opacity: 0.65; }
  .attached { display: flex; gap: var(--tp-1); flex-wrap: wrap; justify-content: flex-end; }
  .answer { display: grid; gap: var(--tp-2); overflow-wrap: anywhere; grid-template-columns: minmax(0, 1fr); max-width: 46rem; }
  .answer ul, .answer ol { padding-inline-start: 1.3rem; display: grid; gap: 2px; }
  .answer.streaming > :last-child::after { content: ''; display: inline-block; width: 0.5em; height: 1em; margin-inline-start: 2px; vertical-align: -0.15em; background: var(--tp-accent); border-radius: 2px; animation: tp-pulse 1.1s infinite; }
  .ask { display: grid; gap: var(--tp-3); }
  .options { display: flex; flex-wrap: wrap; gap: var(--tp-2); }
  .options button, .asks button { font-weight: 450; border-radius: var(--tp-round); white-space: normal; text-align: start; }
  .detail { display: block; }
  .note.block ul { padding-inline-start: 1.2rem; margin-top: var(--tp-1); display: grid; gap: var(--tp-1); }
  .note svg { vertical-align: -0.2em; }
  .offered { padding: var(--tp-3) var(--tp-4); display: grid; gap: var(--tp-3); }
  .shown { margin-top: var(--tp-2); }
  tp-receipt { margin-top: var(--tp-3); }
  .welcome { display: grid; gap: var(--tp-4); padding-block: clamp(1rem, 8cqh, 4rem); max-width: 34rem; }
  .welcome h2 { font-size: var(--tp-text-xl); text-wrap: balance; }
  .asks { display: grid; gap: var(--tp-2); justify-items: start; }
  .dots { display: inline-flex; gap: 4px; padding: var(--tp-2) 0; }
  .dots i { width: 6px; height: 6px; border-radius: 50%; background: var(--tp-ink-3); animation: tp-pulse 1.2s infinite; }
  .dots i:nth-child(2) { animation-delay: 0.2s; } .dots i:nth-child(3) { animation-delay: 0.4s; }
  .below { padding: 0 var(--tp-4) var(--tp-4); position: relative; }
  .below > div { max-width: 52rem; margin-inline: auto; display: grid; gap: var(--tp-2); }
  .waits { display: flex; align-items: center; justify-content: space-between; gap: var(--tp-2); font-size: var(--tp-text-s); }
  .newest { position: absolute; bottom: calc(100% + var(--tp-2)); left: 50%; translate: -50%; z-index: 1; border-radius: var(--tp-round); box-shadow: var(--tp-shadow-l); }
`;
