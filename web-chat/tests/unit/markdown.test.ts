import { render } from 'lit';
import { describe, expect, it } from 'vitest';
import { markdown, parseMarkdown, parseSpans } from '../../src/text/markdown.ts';

function drawn(text: string): HTMLElement {
  const at = document.createElement('div');
  render(markdown(text), at);
  return at;
}

describe('blocks', () => {
  it('paragraphs, lists, code and headings', () => {
    expect(parseMarkdown('# Title\nOne\ntwo\n\n- a\n- b\n  more\n\n1. x\n2) y\n```sql\nselect 1\n\n- no list\n```\nend').map((b) => b.is)).toEqual(['heading', 'paragraph', 'list', 'list', 'code', 'paragraph']);
  });

  it('a list interrupts a paragraph', () => {
    expect(parseMarkdown('These:\n- a\n- b').map((b) => b.is)).toEqual(['paragraph', 'list']);
  });

  it('a code block that is still being written', () => {
    expect(parseMarkdown('```\nselect')).toEqual([{ is: 'code', text: 'select', language: '' }]);
  });

  it('ends for any prefix of a text', () => {
    const text = '# T\n\n- a **b** `c`\n1. d\n```x\ny\n```\n**e';
    for (let n = 0; n <= text.length; n += 1) expect(() => parseMarkdown(text.slice(0, n))).not.toThrow();
  });
});

describe('spans', () => {
  it('bold and code, one inside the other', () => {
    expect(parseSpans('a **b `c`** d')).toEqual([{ is: 'text', text: 'a ' }, { is: 'bold', spans: [{ is: 'text', text: 'b ' }, { is: 'code', text: 'c' }] }, { is: 'text', text: ' d' }]);
  });

  it('stars inside code, and stars that mean multiplication, stay', () => {
    expect(parseSpans('`a ** b **`')).toEqual([{ is: 'code', text: 'a ** b **' }]);
    expect(parseSpans('2 ** 3 and 4 ** 5')).toEqual([{ is: 'text', text: '2 ** 3 and 4 ** 5' }]);
    expect(parseSpans('one ` tick')).toEqual([{ is: 'text', text: 'one ` tick' }]);
  });
});

describe('text from elsewhere stays text', () => {
  const hostile = '<img src=x onerror=alert(1)> **<b>x</b>** `<script>alert(1)</script>`\n\n[go](javascript:alert(1))';

  it('makes no element of it', () => {
    const at = drawn(hostile);
    expect(at.querySelector('img, script, a, b')).toBeNull();
    expect(at.textContent).toContain('<img src=x onerror=alert(1)>');
    expect(at.querySelector('strong')?.textContent).toBe('<b>x</b>');
    expect(at.querySelector('code')?.textContent).toBe('<script>alert(1)</script>');
  });
});
