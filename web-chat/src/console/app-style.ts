import { css } from 'lit';

export const appStyle = css`
  :host { display: grid; grid-template-rows: auto minmax(0, 1fr); height: 100dvh; background: var(--tp-bg); }
  .skip { position: absolute; left: -999px; top: var(--tp-2); z-index: 20; background: var(--tp-surface); padding: var(--tp-2) var(--tp-3); border-radius: var(--tp-radius-s); }
  .skip:focus { left: var(--tp-2); }
  header { display: flex; align-items: center; gap: var(--tp-4); padding: 0 var(--tp-4); min-height: 3.5rem; background: var(--tp-surface); border-bottom: 1px solid var(--tp-line); }
  .brand { display: flex; align-items: center; gap: var(--tp-2); color: var(--tp-ink); text-decoration: none; font-weight: 700; letter-spacing: -0.02em; font-size: var(--tp-text-l); }
  .brand:hover { color: var(--tp-ink); }
  nav { display: flex; gap: 2px; }
  nav a { display: flex; align-items: center; gap: var(--tp-2); padding: 0.4rem 0.7rem; border-radius: var(--tp-radius-s); color: var(--tp-ink-2); text-decoration: none; font-size: var(--tp-text-s); font-weight: 550; }
  nav a:hover { background: var(--tp-sunken); color: var(--tp-ink); }
  nav a[aria-current='page'] { background: var(--tp-accent-soft); color: var(--tp-accent-soft-ink); }
  nav svg { display: none; }
  .right { margin-inline-start: auto; display: flex; align-items: center; gap: var(--tp-1); }
  .model { font-size: var(--tp-text-xs); color: var(--tp-ink-2); white-space: nowrap; max-width: 14rem; overflow: hidden; text-overflow: ellipsis; padding-inline-end: var(--tp-2); }
  .body { display: grid; grid-template-columns: minmax(0, 1fr); min-height: 0; }
  .body.with-panel { grid-template-columns: minmax(0, 1fr) clamp(22rem, 34vw, 32rem); }
  main { overflow: auto; min-height: 0; min-width: 0; }
  main:focus-visible { outline: none; }
  .panel { display: flex; flex-direction: column; min-height: 0; border-inline-start: 1px solid var(--tp-line); background: var(--tp-bg); }
  .panel-head { display: flex; align-items: center; justify-content: space-between; padding: var(--tp-2) var(--tp-2) var(--tp-2) var(--tp-4); border-bottom: 1px solid var(--tp-line); background: var(--tp-surface); }
  .panel towpath-chat { flex: 1; }
  .wait { display: grid; place-items: center; height: 100dvh; color: var(--tp-ink-2); }
  @media (max-width: 1020px) { .model { display: none; } }
  @media (max-width: 820px) {
    :host { grid-template-rows: auto minmax(0, 1fr) auto; }
    header nav { position: fixed; inset: auto 0 0 0; z-index: 5; background: var(--tp-surface); border-top: 1px solid var(--tp-line); justify-content: space-around; padding: 2px 2px max(2px, env(safe-area-inset-bottom)); }
    nav a { flex-direction: column; gap: 0; font-size: 0.65rem; padding: 0.35rem 0.15rem; flex: 1 1 auto; min-width: 0; }
    nav svg { display: block; }
    .body { padding-bottom: 3.4rem; }
    .body.with-panel { grid-template-columns: minmax(0, 1fr); }
    .body.with-panel main { display: none; }
    .panel { border: 0; }
  }
`;
