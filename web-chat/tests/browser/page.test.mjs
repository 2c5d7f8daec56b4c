/** A person at the page, against a running server with the demo workspace. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ASK, BASE, PATIENCE, SHOTS, ask, get, look, open, said, signIn, tickAll, waitingPlan } from './browser.mjs';

let browser, context, page, errors;
let talk = '';

before(async () => { ({ browser, context, page, errors } = await open()); });
after(async () => { await browser?.close(); });

test('without a session the page says where the token is', async () => {
  await page.goto(`${BASE}/pipelines`);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.getByText('prints a sign-in address in the terminal').waitFor();
});

test('a printed address signs in, and leaves no token in the address bar', async () => {
  await signIn(page);
  assert.equal(new URL(page.url()).search, '');
});

test('the answer to an ask is a plan, and nothing moves before it is confirmed', async () => {
  const before = (await get(page, '/runs')).items.length;
  await page.goto(`${BASE}/chat`);
  await ask(page, ASK);
  const plan = waitingPlan(page);
  await plan.waitFor({ timeout: PATIENCE });
  const text = await plan.locator('article').innerText();
  for (const word of ['shop', 'warehouse', 'customers', 'orders']) assert.match(text, new RegExp(word));
  assert.match(text, /Refresh \| |Incremental/, 'the other name of the mode');
  assert.match(text, /What will happen/i);
  await plan.locator('details.stream').first().locator('summary').click();
  await plan.getByText(/^(exact|lossless|lossy)$/).first().waitFor();
  assert.equal((await get(page, '/runs')).items.length, before);
  assert.match(page.url(), /\/chat\/[^/]+$/);
  talk = page.url();
});

test('confirming it runs, shows progress, and leaves a receipt', async () => {
  const plan = waitingPlan(page);
  await tickAll(plan);
  await plan.getByRole('button', { name: /^Confirm/ }).click();
  const run = page.locator('tp-run').last();
  await run.waitFor();
  await run.getByRole('progressbar').first().waitFor({ timeout: PATIENCE });
  const receipt = page.locator('tp-receipt').last();
  await receipt.waitFor({ timeout: PATIENCE });
  assert.match(await receipt.locator('article').innerText(), /rows? written/);
  assert.match(await receipt.locator('article').innerText(), /customers[\s\S]*orders/);
  await page.locator('tp-plan').last().getByText('Confirmed by').waitFor();
});

test('a reload replays the same talk', async () => {
  const before = await said(page);
  assert.ok(before.length >= 4);
  await page.goto(talk);
  await page.locator('tp-receipt').last().waitFor();
  assert.deepEqual(await said(page), before);
});

test('a link that breaks comes back by itself and misses nothing', async () => {
  const other = await context.newPage();
  const sockets = [];
  await other.routeWebSocket(/\/ws/, (socket) => { socket.connectToServer(); sockets.push(socket); });
  await other.goto(talk);
  await other.locator('tp-receipt').last().waitFor();
  const before = await said(other);
  await sockets[0].close();
  await other.getByText('Reconnecting').waitFor();
  await other.getByText('Reconnecting').waitFor({ state: 'detached' });
  assert.ok(sockets.length > 1);
  assert.deepEqual(await said(other), before);
  await other.close();
});

test('the pipeline is kept, and its page shows the run', async () => {
  await page.goto(`${BASE}/data-ingestion`);
  const card = page.locator('tp-pipelines article').first();
  await card.getByText('Completed').waitFor();
  await card.getByRole('link').first().click();
  await page.waitForURL(/\/pipelines\/[^/]+$/);
  await page.getByRole('heading', { name: 'Runs' }).waitFor();
  await page.locator('tp-pipeline-page').getByText('confirmed plan').waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Pipelines' }).waitFor();
});

test('the run has its log and its receipt', async () => {
  await page.goto(`${BASE}/runs`);
  await page.locator('tp-runs nav a').first().click();
  await page.waitForURL(/\/runs\/[^/]+$/);
  await page.getByRole('log').locator('.entry').first().waitFor();
  await page.locator('tp-run-detail tp-receipt').waitFor();
  await page.reload();
  await page.getByRole('log').locator('.entry').first().waitFor();
});

test('a plan can be confirmed with the keyboard alone', async () => {
  await page.goto(`${BASE}/chat`);
  const box = page.locator('towpath-chat').getByRole('textbox', { name: 'Message' });
  await box.focus();
  await page.keyboard.type(ASK);
  await page.keyboard.press('Enter');
  await waitingPlan(page).waitFor({ timeout: PATIENCE });
  await page.getByRole('button', { name: 'Go to the plan' }).waitFor({ timeout: PATIENCE });
  await box.focus();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  const focused = () => page.evaluate(() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement; return `${at?.tagName} ${at?.getAttribute('type') ?? ''} ${at?.textContent?.trim() ?? ''}`; });
  for (let step = 0; step < 8 && /checkbox/.test(await focused()); step += 1) {
    await page.keyboard.press('Space');
    await page.keyboard.press('Tab');
  }
  assert.match(await focused(), /BUTTON.*Confirm/s);
  await page.keyboard.press('Enter');
  await page.locator('tp-receipt').last().waitFor({ timeout: PATIENCE });
});

test('a pipeline can be made by form, and wants the same yes', async () => {
  await page.goto(`${BASE}/pipelines`);
  await page.getByRole('button', { name: 'New pipeline' }).click();
  const form = page.locator('tp-new-pipeline');
  await form.getByLabel('From', { exact: true }).selectOption('shop');
  await form.getByLabel('To', { exact: true }).selectOption('warehouse');
  await form.locator('.one', { hasText: 'products' }).getByRole('checkbox').check();
  await form.getByRole('button', { name: 'Show me the plan' }).click();
  const plan = form.locator('tp-plan');
  await plan.waitFor({ timeout: PATIENCE });
  await tickAll(plan);
  await plan.getByRole('button', { name: /^Confirm/ }).click();
  await page.waitForURL(/\/runs\/[^/]+$/);
  await page.locator('tp-run-detail tp-receipt').waitFor({ timeout: PATIENCE });
});

test('a table that is not there gives a question, and no plan', async () => {
  await page.goto(`${BASE}/chat`);
  await ask(page, 'Transfer gadgetry from the shop to the warehouse');
  await page.locator('towpath-chat .ask').waitFor({ timeout: PATIENCE });
  assert.equal(await page.locator('tp-plan').count(), 0);
});

test('an ask on the front page opens a talk, and one from a run takes the run along', async () => {
  await page.goto(BASE);
  await page.locator('tp-home').getByRole('group', { name: 'Examples' }).getByRole('button').first().click();
  await page.waitForURL(/\/chat\/[^/]+$/);
  await page.locator('towpath-chat .said .bubble').waitFor();
  await page.goto(`${BASE}/runs`);
  await page.getByRole('button', { name: 'Ask about this run' }).click();
  await page.locator('.panel towpath-chat .attached .chip').waitFor({ timeout: PATIENCE });
});

test('credentials go into masked fields outside the chat', async () => {
  await page.goto(`${BASE}/chat`);
  await page.locator('towpath-chat').getByRole('button', { name: 'Add connection' }).click();
  await page.getByRole('searchbox').fill('postgres');
  await page.getByRole('button', { name: /PostgreSQL/ }).first().click();
  const password = page.getByLabel(/password/i).first();
  await password.waitFor();
  assert.equal(await password.getAttribute('type'), 'password');
  await page.keyboard.press('Escape');
  await page.locator('tp-add-connection').waitFor({ state: 'detached' });
});

test('every page fits a phone, names its controls, and shows dark as dark', async () => {
  const phone = await browser.newContext({ viewport: { width: 380, height: 780 }, colorScheme: 'dark', storageState: await context.storageState() });
  const small = await phone.newPage();
  for (const path of ['/', '/chat', new URL(talk).pathname, '/pipelines', '/connections', '/runs', '/runtime-environments', '/job-history']) {
    await small.goto(BASE + path);
    await small.waitForTimeout(900);
    const shot = await small.screenshot({ path: `${SHOTS}phone${path.replaceAll('/', '-')}.png` });
    const seen = await look(browser, shot);
    assert.ok(seen.colours > 40, `${path} is blank: ${seen.colours} colours`);
    assert.ok(seen.light < 90, `${path} is bright in the dark: ${seen.light}`);
    const { overflow, nameless } = await small.evaluate(() => {
      const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
      const unnamed = all(document).filter((e) => e.matches('button, a[href], input, select, textarea') && !(e.textContent?.trim() || e.getAttribute('aria-label') || e.labels?.length || e.title));
      const wide = all(document).filter((e) => e.matches('html, main, .list, tp-dialog .body')).map((e) => e.scrollWidth - e.clientWidth);
      return { overflow: Math.max(...wide), nameless: unnamed.map((e) => e.outerHTML.slice(0, 120)) };
    });
    assert.ok(overflow <= 0, `${path} is ${overflow} px too wide`);
    assert.deepEqual(nameless, [], path);
  }
  await phone.close();
});

test('nothing was thrown and no policy was broken on the way', () => {
  assert.deepEqual(errors, []);
});
