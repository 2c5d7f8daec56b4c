import { afterEach, describe, expect, it } from 'vitest';
import '../../src/cards/plan-card.ts';
import type { PlanConfirmed, TpPlan } from '../../src/cards/plan-card.ts';
import { plan } from './events.ts';

async function card(view: typeof plan): Promise<TpPlan> {
  const element = document.createElement('tp-plan');
  Object.assign(element, { plan: 'p1', digest: 'd1', view });
  document.body.append(element);
  await (element as TpPlan).updateComplete;
  return element as TpPlan;
}

const button = (element: TpPlan): HTMLButtonElement => element.renderRoot.querySelector<HTMLButtonElement>('.confirm')!;
afterEach(() => document.body.replaceChildren());

describe('the plan card', () => {
  it('confirms by the digest that was on it', async () => {
    const element = await card(plan);
    const heard: PlanConfirmed[] = [];
    element.addEventListener('plan-confirm', (e) => heard.push((e as CustomEvent<PlanConfirmed>).detail));
    button(element).click();
    button(element).click();
    expect(heard).toEqual([{ plan: 'p1', digest: 'd1', acknowledged: [] }]);
  });

  it('wants every destructive effect ticked, each for itself', async () => {
    const element = await card({ ...plan, destructive: ['customers', 'orders'] });
    const boxes = [...element.renderRoot.querySelectorAll<HTMLInputElement>('.ack input')];
    expect(boxes).toHaveLength(2);
    for (const box of boxes) {
      expect(button(element).disabled).toBe(true);
      box.checked = true;
      box.dispatchEvent(new Event('change'));
      await element.updateComplete;
    }
    expect(button(element).disabled).toBe(false);
    const heard: PlanConfirmed[] = [];
    element.addEventListener('plan-confirm', (e) => heard.push((e as CustomEvent<PlanConfirmed>).detail));
    button(element).click();
    expect(heard[0]?.acknowledged).toEqual(['customers', 'orders']);
  });

  it('forgets the ticks when the plan becomes another', async () => {
    const element = await card({ ...plan, destructive: ['customers'] });
    const box = element.renderRoot.querySelector<HTMLInputElement>('.ack input')!;
    box.checked = true;
    box.dispatchEvent(new Event('change'));
    element.digest = 'd2';
    await element.updateComplete;
    expect(button(element).disabled).toBe(true);
  });

  it('shows both names of the mode and what is lost', async () => {
    const text = (await card(plan)).renderRoot.textContent ?? '';
    expect(text).toContain('incremental · merge');
    expect(text).toContain('Incremental | Append + Deduped');
    expect(text).toContain('1 lossy column');
    expect(text).toContain('more than 15 digits are rounded');
  });

  it('cannot be confirmed while the server does not answer, nor twice', async () => {
    const element = await card(plan);
    element.offline = true;
    await element.updateComplete;
    expect(button(element).disabled).toBe(true);
    element.state = { is: 'confirmed', by: 'ana', pipeline: 'l', run: null };
    await element.updateComplete;
    expect(element.renderRoot.querySelector('.confirm')).toBeNull();
  });
});
