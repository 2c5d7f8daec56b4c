/** A browser, signed in to the server under test, and the steps that several tests take. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const BASE = process.env.TOWPATH_URL?.replace(/\/$/, '');
const TOKEN = process.env.TOWPATH_TOKEN;
export const ASK = 'Transfer customers and orders from the shop to the warehouse';
export const PATIENCE = 60_000;
export const SHOTS = fileURLToPath(new URL('./shots/', import.meta.url));

export async function open() {
  assert.ok(BASE && TOKEN, 'Set TOWPATH_URL to the address of a running server and TOWPATH_TOKEN to its sign-in token.');
  mkdirSync(SHOTS, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => { if (/Content.Security.Policy/i.test(message.text())) errors.push(message.text()); });
  return { browser, context, page, errors };
}

/** Spends the one token. Everything after it lives on the cookie. */
export async function signIn(page) {
  await page.goto(`${BASE}/?token=${encodeURIComponent(TOKEN)}`);
  await page.getByRole('heading', { name: 'What data should move?' }).waitFor();
}

export async function ask(page, text) {
  const box = page.locator('towpath-chat').getByRole('textbox', { name: 'Message' });
  await box.fill(text);
  await box.press('Enter');
}

/** The newest plan that waits. */
export function waitingPlan(page) {
  return page.locator('tp-plan').filter({ hasText: 'Waits for you' }).last();
}

export async function tickAll(plan) {
  for (const box of await plan.getByRole('checkbox').all()) await box.check();
}

export async function get(page, path) {
  const response = await page.request.get(`${BASE}/api/v1${path}`);
  assert.equal(response.status(), 200, `GET ${path}`);
  return response.json();
}

/** How many colours a screenshot has, and how bright it is from 0 to 255. */
export async function look(browser, png) {
  const page = await browser.newPage();
  const seen = await page.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    const { data: pixels } = canvas.getImageData(0, 0, image.width, image.height);
    const colours = new Set();
    let light = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
      light += (pixels[i] + pixels[i + 1] + pixels[i + 2]) / 3;
    }
    return { colours: colours.size, light: light / (pixels.length / 4) };
  }, png.toString('base64'));
  await page.close();
  return seen;
}

/** What of a conversation must survive a reload, in words. */
export function said(page) {
  return page.locator('towpath-chat .bubble, towpath-chat .answer, towpath-chat tp-plan h3, towpath-chat tp-run .chip, towpath-chat tp-receipt h3').allInnerTexts();
}
