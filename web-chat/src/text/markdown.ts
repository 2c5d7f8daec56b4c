/**
 * The little of Markdown that answers are written in: paragraphs, headings, bold, code, code blocks and lists.
 * It makes a tree, and the tree is rendered through templates, so text from anywhere stays text. Links are not made
 * into links: what they say and where they lead stay to be read.
 */
import { html, nothing, type TemplateResult } from 'lit';

export type Span =
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'bold'; readonly spans: readonly Span[] }
  | { readonly is: 'code'; readonly text: string };

export type Block =
  | { readonly is: 'paragraph'; readonly lines: readonly (readonly Span[])[] }
  | { readonly is: 'heading'; readonly spans: readonly Span[] }
  | { readonly is: 'code'; readonly text: string; readonly language: string }
  | { readonly is: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Span[])[] };

const FENCE = /^\s*```\s*([\w+-]*)\s*$/;
const BULLET = /^\s*[-*•]\s+(.*)$/;
const NUMBER = /^\s*\d{1,3}[.)]\s+(.*)$/;
const HEADING = /^#{1,6}\s+(.*)$/;

export function parseMarkdown(text: string): readonly Block[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const fence = FENCE.exec(line);
    if (fence !== null) {
      const end = lines.findIndex((l, i) => i > at && FENCE.test(l));
      const stop = end === -1 ? lines.length : end; // a block still streaming has no end yet
      blocks.push({ is: 'code', text: lines.slice(at + 1, stop).join('\n'), language: fence[1] ?? '' });
      at = stop + 1;
      continue;
    }
    if (line.trim() === '') {
      at += 1;
      continue;
    }
    const heading = HEADING.exec(line);
    if (heading !== null) {
      blocks.push({ is: 'heading', spans: parseSpans(heading[1] ?? '') });
      at += 1;
      continue;
    }
    const marker = BULLET.test(line) ? BULLET : NUMBER.test(line) ? NUMBER : null;
    if (marker !== null) {
      const items: string[] = [];
      for (; at < lines.length; at += 1) {
        const next = lines[at] ?? '';
        const item = marker.exec(next);
        if (item !== null) items.push(item[1] ?? '');
        else if (/^\s+\S/.test(next) && items.length > 0 && !startsBlock(next)) items[items.length - 1] += ` ${next.trim()}`;
        else break;
      }
      blocks.push({ is: 'list', ordered: marker === NUMBER, items: items.map(parseSpans) });
      continue;
    }
    const paragraph: string[] = [];
    for (; at < lines.length; at += 1) {
      const next = lines[at] ?? '';
      if (next.trim() === '' || (paragraph.length > 0 && startsBlock(next))) break;
      paragraph.push(next.trim());
    }
    blocks.push({ is: 'paragraph', lines: paragraph.map(parseSpans) });
  }
  return blocks;
}

function startsBlock(line: string): boolean {
  return FENCE.test(line) || BULLET.test(line) || NUMBER.test(line) || HEADING.test(line);
}

const SPAN = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*(?=\S)([\s\S]*?\S)\*\*/;

export function parseSpans(text: string): readonly Span[] {
  const spans: Span[] = [];
  let rest = text;
  for (let found = SPAN.exec(rest); found !== null; found = SPAN.exec(rest)) {
    if (found.index > 0) spans.push({ is: 'text', text: rest.slice(0, found.index) });
    if (found[2] !== undefined) spans.push({ is: 'code', text: found[2] });
    else spans.push({ is: 'bold', spans: parseSpans(found[3] ?? '') });
    rest = rest.slice(found.index + found[0].length);
  }
  if (rest !== '') spans.push({ is: 'text', text: rest });
  return spans;
}

type Rendered = TemplateResult | string | typeof nothing;

function span(s: Span): Rendered {
  switch (s.is) {
    case 'text': return s.text;
    case 'code': return html`<code>${s.text}</code>`;
    case 'bold': return html`<strong>${s.spans.map(span)}</strong>`;
  }
}

function block(b: Block): Rendered {
  switch (b.is) {
    case 'paragraph': return html`<p>${b.lines.map((line, i) => html`${i > 0 ? html`<br />` : nothing}${line.map(span)}`)}</p>`;
    case 'heading': return html`<p class="heading"><strong>${b.spans.map(span)}</strong></p>`;
    case 'code': return html`<pre tabindex="0"><code>${b.text}</code></pre>`;
    case 'list': {
      const items = b.items.map((item) => html`<li>${item.map(span)}</li>`);
      return b.ordered ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`;
    }
  }
}

/** A message, rendered. */
export function markdown(text: string): readonly Rendered[] {
  return parseMarkdown(text).map(block);
}

/** A single sentence from the server: code and bold, no blocks. */
export function inline(text: string): readonly Rendered[] {
  return parseSpans(text).map(span);
}
